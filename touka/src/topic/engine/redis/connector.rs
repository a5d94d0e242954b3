//! [`Connector`], which opens connections to the primary.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::{ProtocolVersion, Value};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::connection::{Connection, setup};
use super::fault::RedisFault;
use super::options::Redis;
use super::pushes::{self, PushSender, Pushes};
use super::requirements::{NamedBy, ask_for_slots, check_hello};
use super::sentinel::Sentinels;
use super::slot_view::View;
use super::socket::Sockets;
use super::target::{Address, Credentials, Service};

/// Opens connections to the primary, which the URL or the Sentinels name.
pub(super) struct Connector {
    place: String,
    source: Source,
    credentials: Option<Credentials>,
    database: i64,
    sockets: Arc<Sockets>,
    connect_timeout: Duration,
}

enum Source {
    Direct(Address),
    Sentinels(Sentinels),
    /// The URL names servers of a cluster, to which [`Connector::shard`] connects.
    Cluster(Vec<Address>),
    /// A primary of a cluster.
    Shard {
        address: Address,
        /// Notified when the server may no longer be the primary of its slots.
        doubt: Arc<Notify>,
    },
}

/// A connection that receives messages. Besides `subscribe`, `unsubscribe` and `PING`, no command belongs on it.
#[derive(Debug)]
pub(super) struct Listening {
    pub(super) connection: Connection,
    pub(super) pushes: Pushes,
}

impl Connector {
    /// Checks the options. No connection is opened.
    pub(super) fn new(options: &Redis) -> Result<Self, RedisFault> {
        let target = options.target()?;
        Ok(Self {
            place: target.place().to_owned(),
            sockets: Arc::new(Sockets::new(target.tls, options)),
            source: match target.service {
                Service::Direct(address) => Source::Direct(address),
                Service::Cluster(seeds) => Source::Cluster(seeds),
                Service::Sentinel { name, sentinels } => Source::Sentinels(Sentinels::new(name, sentinels)),
            },
            credentials: target.credentials,
            database: target.database,
            connect_timeout: options.connect_timeout,
        })
    }

    /// A connector to a primary of the cluster.
    pub(super) fn shard(&self, address: &Address, doubt: &Arc<Notify>) -> Self {
        Self {
            place: format!("{address}, a shard of {}", self.place),
            source: Source::Shard { address: address.clone(), doubt: Arc::clone(doubt) },
            credentials: self.credentials.clone(),
            database: self.database,
            sockets: Arc::clone(&self.sockets),
            connect_timeout: self.connect_timeout,
        }
    }

    /// The addresses of the URL. Empty for Sentinels.
    pub(super) fn seeds(&self) -> &[Address] {
        match &self.source {
            Source::Direct(address) | Source::Shard { address, .. } => std::slice::from_ref(address),
            Source::Cluster(seeds) => seeds,
            Source::Sentinels(_) => &[],
        }
    }

    /// Whether the URL names several servers of a cluster.
    pub(super) fn is_of_cluster(&self) -> bool {
        matches!(self.source, Source::Cluster(_))
    }

    pub(super) fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// Records that the server may no longer be the primary of its slots, if it is one of a cluster.
    pub(super) fn doubt(&self) {
        if let Source::Shard { doubt, .. } = &self.source {
            doubt.notify_one();
        }
    }

    /// The URL without credentials, for errors and logs.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// The number of the database. Keys belong to one; channels do not, and need it in their name.
    pub(super) fn database(&self) -> i64 {
        self.database
    }

    /// Opens a connection for commands.
    pub(super) async fn connect(&self) -> Result<Connection, RedisFault> {
        self.open(None).await
    }

    /// Opens a connection that receives messages.
    pub(super) async fn listen(&self) -> Result<Listening, RedisFault> {
        let (sender, pushes) = match self.source {
            Source::Shard { .. } => pushes::recording_channel(),
            Source::Direct(_) | Source::Sentinels(_) | Source::Cluster(_) => pushes::channel(),
        };
        Ok(Listening { connection: self.open(Some(sender)).await?, pushes })
    }

    /// Asks a server of the cluster, which may be a replica, for the shards.
    pub(super) async fn ask_for_slots(&self, address: &Address, time: Duration) -> Result<View, RedisFault> {
        let place = Arc::from(format!("{address}, a server of {}", self.place));
        let deadline = Instant::now() + time;
        let asked = timeout_at(deadline, async {
            let (connection, _) = self.open_at(address, Arc::clone(&place), None, deadline).await?;
            ask_for_slots(&connection, address, deadline).await
        });
        asked.await.unwrap_or_else(|_| Err(RedisFault::unreachable(&place, &format!("no answer within {time:?}"))))
    }

    async fn open(&self, pushes: Option<PushSender>) -> Result<Connection, RedisFault> {
        let deadline = Instant::now() + self.connect_timeout;
        let asked;
        let (address, place) = match &self.source {
            Source::Direct(address) | Source::Shard { address, .. } => (address, Arc::from(self.place.as_str())),
            Source::Cluster(_) => return Err(RedisFault::unreachable(&self.place, "it is not one server")),
            Source::Sentinels(sentinels) => {
                let time = self.connect_timeout / 2;
                asked = sentinels.primary(&self.sockets, self.credentials.as_ref(), time).await?;
                (&asked, format!("{asked}, the primary of {}", self.place).into())
            }
        };
        let opened = timeout_at(deadline, async {
            let (connection, hello) = self.open_at(address, Arc::clone(&place), pushes, deadline).await?;
            let by = match self.source {
                Source::Direct(_) | Source::Cluster(_) => NamedBy::Url,
                Source::Sentinels(_) => NamedBy::Sentinels,
                Source::Shard { .. } => NamedBy::Cluster,
            };
            check_hello(connection.place(), hello, by)?;
            Ok(connection)
        });
        let opened = opened.await;
        let opened = opened.unwrap_or_else(|_| {
            Err(RedisFault::unreachable(&place, &format!("no answer within {:?}", self.connect_timeout)))
        });
        if let (Err(_), Source::Sentinels(sentinels)) = (&opened, &self.source) {
            sentinels.distrust();
        }
        opened
    }

    /// Opens a connection. Returns it with the reply to HELLO.
    async fn open_at(
        &self,
        address: &Address,
        place: Arc<str>,
        pushes: Option<PushSender>,
        deadline: Instant,
    ) -> Result<(Connection, Value), RedisFault> {
        let socket = self.sockets.connect(address).await.map_err(|error| RedisFault::unreachable_by(&place, error))?;
        let mut setup = setup(ProtocolVersion::RESP3).set_db(self.database);
        if let Some(Credentials { user, password }) = &self.credentials {
            setup = setup.set_password(password);
            if !user.is_empty() {
                setup = setup.set_username(user);
            }
        }
        let connection = Connection::start(socket, &setup, pushes, place).await?;
        // While a server loads its data, it answers HELLO and rejects PING.
        let mut questions = redis::pipe();
        questions.cmd("HELLO").cmd("PING");
        let replies =
            connection.run_all(&questions, deadline).await.map_err(|fault| fault.of_opening(connection.place()))?;
        Ok((connection, replies.into_iter().next().unwrap_or_default()))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("place", &self.place).finish_non_exhaustive()
    }
}
