//! [`Link`], the connection of a node to NATS.

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use async_nats::connection::State;
use async_nats::{Client, ConnectOptions, Event, ServerAddr, Subscriber};
use tokio::sync::watch;
use tokio::time::{Duration, Instant, timeout, timeout_at};

use super::fault::NatsFault;
use super::options::Nats;
use super::target::{Login, Target};
use crate::sync::Mutex;

/// The connection of a node to NATS. It is opened again whenever it is lost.
pub(super) struct Link {
    client: Client,
    place: Arc<str>,
    state: Arc<LinkState>,
}

#[derive(Debug)]
struct LinkState {
    /// Whether there is a connection.
    is_connected: watch::Sender<bool>,
    /// The last error that the server has sent.
    last_error: Mutex<Option<String>>,
}

/// The time without a reply after which the server is asked whether it is there. After two more of them, the connection is
/// replaced.
const PING_INTERVAL: Duration = Duration::from_secs(3);

/// The maximum number of messages that wait for one subscription. Later ones are dropped, which is found by their numbers.
const MAX_WAITING: usize = 1024;

/// The maximum length of a server's error that is kept.
const MAX_ERROR: usize = 500;

impl Link {
    /// Opens the first connection.
    pub(super) async fn open(options: &Nats) -> Result<Self, NatsFault> {
        let target = options.target()?;
        let place: Arc<str> = target.place().into();
        let state = Arc::new(LinkState { is_connected: watch::Sender::new(true), last_error: Mutex::default() });
        let connect = connect_options(options, &target, &state);
        let servers: Vec<ServerAddr> = target
            .addresses()
            .map(|address| address.parse().map_err(|_| NatsFault::url("a host is not a name or an address")))
            .collect::<Result<_, _>>()?;
        let client = match timeout(options.connect_timeout, connect.connect(servers)).await {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => return Err(NatsFault::connecting(&place, error)),
            Err(_) => return Err(NatsFault::unreachable(&place, "no connection was opened in time")),
        };
        Ok(Self { client, place, state })
    }

    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    /// The URL without credentials.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// The number of connections that were opened.
    pub(super) fn connects(&self) -> u64 {
        self.client.statistics().connects.load(Ordering::Acquire)
    }

    /// Changes whenever a connection is opened or lost.
    pub(super) fn changes(&self) -> watch::Receiver<bool> {
        self.state.is_connected.subscribe()
    }

    pub(super) fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Waits until there is a connection. A request that is made without one would be sent later, whether or not its
    /// caller still waits.
    pub(super) async fn connected(&self, deadline: Instant) -> Result<(), NatsFault> {
        if self.is_connected() {
            return Ok(());
        }
        let mut changes = self.changes();
        let connected = async {
            while !self.is_connected() {
                // The events of the client are a hint: some of them may be lost.
                let _ = timeout(Duration::from_millis(100), changes.changed()).await;
            }
        };
        timeout_at(deadline, connected)
            .await
            .map_err(|_| NatsFault::unreachable(&self.place, "there is no connection; it is being opened again"))
    }

    /// Subscribes to a subject, also on later connections.
    pub(super) async fn subscribe(&self, subject: String, deadline: Instant) -> Result<Subscriber, NatsFault> {
        match timeout_at(deadline, self.client.subscribe(subject)).await {
            Ok(Ok(subscriber)) => Ok(subscriber),
            Ok(Err(error)) => Err(NatsFault::unreachable(&self.place, &error.to_string())),
            Err(_) => Err(NatsFault::unreachable(&self.place, "no connection has taken the subscription in time")),
        }
    }

    /// Sends a request whose replies are sent to another subject.
    pub(super) async fn ask(
        &self,
        subject: String,
        inbox: String,
        payload: String,
        deadline: Instant,
    ) -> Result<(), NatsFault> {
        self.connected(deadline).await?;
        match timeout_at(deadline, self.client.publish_with_reply(subject, inbox, payload.into())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(NatsFault::unreachable(&self.place, &error.to_string())),
            Err(_) => Err(self.unanswered()),
        }
    }

    /// Sends a message that is not stored, if there is a connection.
    pub(super) async fn send(&self, subject: String, payload: Vec<u8>, deadline: Instant) -> Result<(), NatsFault> {
        self.connected(deadline).await?;
        match timeout_at(deadline, self.client.publish(subject, payload.into())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(NatsFault::unreachable(&self.place, &error.to_string())),
            Err(_) => Err(NatsFault::unreachable(&self.place, "the connection does not take messages")),
        }
    }

    /// The error of a request that got no reply.
    pub(super) fn unanswered(&self) -> NatsFault {
        NatsFault::unanswered(&self.place, self.state.last_error.lock().as_deref())
    }
}

fn connect_options(options: &Nats, target: &Target, state: &Arc<LinkState>) -> ConnectOptions {
    let connect = ConnectOptions::new()
        .name("touka")
        .connection_timeout(options.connect_timeout)
        .request_timeout(None)
        .ping_interval(PING_INTERVAL)
        .subscription_capacity(MAX_WAITING)
        .require_tls(target.tls)
        .event_callback(record_events(Arc::downgrade(state)));
    #[cfg(feature = "tls")]
    let connect = match &options.tls_config {
        Some(config) => connect.tls_client_config((**config).clone()),
        None => connect,
    };
    match &target.login {
        Login::Nothing => connect,
        Login::Token(token) => connect.token(token.clone()),
        Login::User { name, password } => connect.user_and_password(name.clone(), password.clone()),
    }
}

fn record_events(state: Weak<LinkState>) -> impl Fn(Event) -> std::future::Ready<()> + Send + Sync + 'static {
    move |event| {
        if let Some(state) = state.upgrade() {
            match event {
                Event::Connected => drop(state.is_connected.send_replace(true)),
                Event::Disconnected | Event::Closed => drop(state.is_connected.send_replace(false)),
                Event::ServerError(error) => {
                    let text: String = error.to_string().chars().take(MAX_ERROR).collect();
                    tracing::debug!(target: "touka::topic", "NATS has sent an error: {text}");
                    *state.last_error.lock() = Some(text);
                }
                _ => {}
            }
        }
        std::future::ready(())
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Link").field(&self.place).finish()
    }
}
