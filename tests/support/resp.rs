//! A client for the protocol of Redis, RESP 2, which sends any command.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;

use crate::wait::within;

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A reply of Redis.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reply {
    /// A simple string or a bulk string.
    Text(Bytes),
    /// An integer.
    Number(i64),
    /// An array.
    List(Vec<Reply>),
    /// A null bulk string or a null array.
    Nil,
    /// An error, with its code, as in `ERR unknown command`.
    Error(String),
}

impl Reply {
    /// The text of a string.
    ///
    /// # Panics
    /// The reply is not a string, or not UTF-8.
    pub fn text(&self) -> &str {
        let Self::Text(text) = self else { panic!("not a string: {self:?}") };
        std::str::from_utf8(text).expect("the reply is text")
    }

    /// The value of an integer.
    ///
    /// # Panics
    /// The reply is not an integer.
    pub fn number(&self) -> i64 {
        let Self::Number(number) = self else { panic!("not an integer: {self:?}") };
        *number
    }

    /// The elements of an array.
    ///
    /// # Panics
    /// The reply is not an array.
    pub fn list(&self) -> &[Self] {
        let Self::List(list) = self else { panic!("not an array: {self:?}") };
        list
    }
}

/// One connection to a Redis server.
#[derive(Debug)]
pub struct RedisConnection(BufStream<TcpStream>);

impl RedisConnection {
    /// Connects, and sends the password if there is one.
    ///
    /// # Errors
    /// No server listens, or it rejects the password.
    pub async fn open(address: SocketAddr, password: Option<&str>) -> io::Result<Self> {
        let socket = within(PATIENCE, "connect", TcpStream::connect(address)).await?;
        let mut connection = Self(BufStream::new(socket));
        if let Some(password) = password {
            connection.command(&["AUTH", password]).await?;
        }
        Ok(connection)
    }

    /// Sends a command, and reads its reply.
    ///
    /// # Errors
    /// The reply is an error, whose text is that of this one, or the connection is lost.
    pub async fn command(&mut self, words: &[&str]) -> io::Result<Reply> {
        self.send(words).await?;
        match self.next().await? {
            Reply::Error(error) => Err(io::Error::other(error)),
            reply => Ok(reply),
        }
    }

    /// Sends a command.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn send(&mut self, words: &[&str]) -> io::Result<()> {
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            write!(request, "${}\r\n{word}\r\n", word.len()).expect("write to a string");
        }
        self.0.write_all(request.as_bytes()).await?;
        self.0.flush().await
    }

    /// Reads the next reply, or the next message of a subscription.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn next(&mut self) -> io::Result<Reply> {
        within(PATIENCE, "a reply of Redis", self.read()).await
    }

    async fn read(&mut self) -> io::Result<Reply> {
        let mut line = String::new();
        self.0.read_line(&mut line).await?;
        let line = line.strip_suffix("\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
        let (kind, rest) = line.split_at(1);
        let number = || rest.parse::<i64>().map_err(|_| io::Error::other(format!("not a number: {line:?}")));
        match kind {
            "+" => Ok(Reply::Text(rest.to_owned().into())),
            "-" => Ok(Reply::Error(rest.to_owned())),
            ":" => Ok(Reply::Number(number()?)),
            "$" => {
                let Ok(length) = usize::try_from(number()?) else { return Ok(Reply::Nil) };
                let mut text = vec![0; length + 2];
                self.0.read_exact(&mut text).await?;
                text.truncate(length);
                Ok(Reply::Text(text.into()))
            }
            "*" => {
                let Ok(length) = usize::try_from(number()?) else { return Ok(Reply::Nil) };
                let mut list = Vec::new();
                for _ in 0..length {
                    list.push(Box::pin(self.read()).await?);
                }
                Ok(Reply::List(list))
            }
            _ => Err(io::Error::other(format!("not a reply: {line:?}"))),
        }
    }
}

/// Sends one command on a connection of its own.
///
/// # Errors
/// As [`RedisConnection::open`] and [`RedisConnection::command`].
pub(crate) async fn ask(address: SocketAddr, password: Option<&str>, words: &[&str]) -> io::Result<Reply> {
    RedisConnection::open(address, password).await?.command(words).await
}
