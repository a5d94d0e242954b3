//! [`Sentinels`], which know the address of the primary.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis::{ProtocolVersion, Value};
use tokio::time::{Instant, timeout_at};

use super::connection::{Connection, setup};
use super::fault::{FaultKind, RedisFault};
use super::socket::Sockets;
use super::target::{Address, Credentials};

/// The Sentinels of a service.
pub(super) struct Sentinels {
    name: String,
    addresses: Vec<Address>,
    /// The Sentinel that is asked first: the one that answered last, or the one after it if that answer was of no use.
    first: AtomicUsize,
}

impl Sentinels {
    pub(super) fn new(name: String, addresses: Vec<Address>) -> Self {
        Self { name, addresses, first: AtomicUsize::new(0) }
    }

    /// Asks one Sentinel after the other for the address of the primary. Each has an equal part of the time.
    pub(super) async fn primary(
        &self,
        sockets: &Sockets,
        credentials: Option<&Credentials>,
        time: Duration,
    ) -> Result<Address, RedisFault> {
        let count = self.addresses.len();
        let share = time / u32::try_from(count).unwrap_or(u32::MAX).max(1);
        let first = self.first.load(Ordering::Relaxed);
        let mut faults = Vec::new();
        for index in (0..count).map(|step| first.wrapping_add(step) % count) {
            let address = &self.addresses[index];
            let deadline = Instant::now() + share;
            match timeout_at(deadline, self.ask(address, sockets, credentials, deadline)).await {
                Ok(Ok(Some(primary))) => {
                    self.first.store(index, Ordering::Relaxed);
                    return Ok(primary);
                }
                Ok(Ok(None)) => {}
                Ok(Err(fault)) => faults.push(fault),
                Err(_) => faults.push(RedisFault::unreachable(&place(address), "no answer in time")),
            }
        }
        // An operator can act on a refusal. A Sentinel that did not answer may know the service.
        let refused = faults.iter().find(|fault| fault.is_lasting());
        Err(refused.or(faults.last()).cloned().unwrap_or_else(|| {
            RedisFault::url(
                "the Sentinels know no service of this name; `sentinel monitor` in their configuration sets it",
            )
        }))
    }

    /// Asks another Sentinel first the next time: the primary that the last one named cannot be used. A Sentinel that
    /// the others cannot reach goes on naming the primary from before a failover.
    pub(super) fn distrust(&self) {
        self.first.fetch_add(1, Ordering::Relaxed);
    }

    async fn ask(
        &self,
        address: &Address,
        sockets: &Sockets,
        credentials: Option<&Credentials>,
        deadline: Instant,
    ) -> Result<Option<Address>, RedisFault> {
        let place = place(address);
        let socket = sockets.connect(address).await.map_err(|error| RedisFault::unreachable_by(&place, error))?;
        // The credentials are those of the primary. A Sentinel without a password rejects them, so they are sent only
        // to one that requires a password. RESP3 begins with HELLO, which would have to send them first.
        let setup = setup(ProtocolVersion::RESP2).set_skip_set_lib_name();
        let connection = Connection::start(socket, &setup, None, place.as_str().into()).await?;
        let mut question = redis::cmd("SENTINEL");
        question.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.name);
        let mut reply = connection.run(&question, deadline).await;
        if let (Err(fault), Some(credentials)) = (&reply, credentials)
            && fault.code() == Some("NOAUTH")
        {
            let mut login = redis::cmd("AUTH");
            if !credentials.user.is_empty() {
                login.arg(&credentials.user);
            }
            login.arg(&credentials.password);
            connection.run(&login, deadline).await.map_err(|fault| fault.of_login(&place))?;
            reply = connection.run(&question, deadline).await;
        }
        match reply {
            Err(fault) if fault.kind() != FaultKind::Server => Err(fault.of_opening(&place)),
            reply => reply.ok().and_then(primary).ok_or_else(|| {
                RedisFault::unreachable(
                    &place,
                    "it does not know the command of Sentinels; name the port of a Sentinel",
                )
            }),
        }
    }
}

fn place(address: &Address) -> String {
    format!("{address}, a Sentinel")
}

/// Parses the reply: `Some(None)` if the Sentinel does not know the service, `None` if it is no address.
#[expect(clippy::option_option, reason = "the outer is the parser's result")]
fn primary(reply: Value) -> Option<Option<Address>> {
    let parts = match reply {
        Value::Nil => return Some(None),
        Value::Array(parts) => parts,
        _ => return None,
    };
    let mut parts = parts.into_iter().map(redis::from_redis_value::<String>);
    let (host, port) = (parts.next()?.ok()?, parts.next()?.ok()?);
    Some(Some(Address::Tcp { host, port: port.parse().ok()? }))
}
