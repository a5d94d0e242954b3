//! Follows a file that others write to: lines as they are appended, through truncation and rotation.

use std::fs::Metadata;
use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};

use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

/// The number of bytes that are read at a time.
const CHUNK: usize = 64 * 1024;

/// The maximum length of a line. A longer one is split: a file without line ends must not fill memory.
const LONGEST_LINE: usize = 64 * 1024;

/// The number of bytes at the file's end that a first visit gets.
const TAIL_LENGTH: u64 = 4 * 1024;

/// A change of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A line, and the position after it.
    Line(String, Position),
    /// The file is shorter than before: it is read again from its start.
    Truncated,
    /// Another file has this name now: it is read from its start.
    Rotated,
}

/// A position in a file. Sent as an event id, so that a client can resume from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// Identifies the file: its name may refer to another one later.
    file: u64,
    offset: u64,
}

impl Position {
    pub(crate) fn to_id(self) -> String {
        format!("{:x}-{:x}", self.file, self.offset)
    }

    pub(crate) fn from_id(id: &str) -> Option<Self> {
        let (file, offset) = id.split_once('-')?;
        Some(Self { file: u64::from_str_radix(file, 16).ok()?, offset: u64::from_str_radix(offset, 16).ok()? })
    }
}

/// A file that is followed.
#[derive(Debug)]
pub(crate) struct Follower {
    path: PathBuf,
    file: File,
    position: Position,
    /// Bytes after that position: the beginning of a line whose end is not written yet.
    partial: Vec<u8>,
    /// Whether the reading began inside a line, whose beginning is missing.
    skips_first_line: bool,
}

impl Follower {
    /// Opens the file at this position; at its start, if the position is in another file; near its end
    /// without a position.
    pub(crate) async fn open(path: &Path, position: Option<Position>) -> io::Result<Self> {
        let mut file = File::open(path).await?;
        let metadata = file.metadata().await?;
        let (id, length) = (identity(&metadata), metadata.len());
        let offset = match position {
            Some(position) if position.file == id && position.offset <= length => position.offset,
            Some(_) => 0,
            None => length.saturating_sub(TAIL_LENGTH),
        };
        file.seek(SeekFrom::Start(offset)).await?;
        let skips_first_line = position.is_none() && offset > 0;
        Ok(Self {
            path: path.to_owned(),
            file,
            position: Position { file: id, offset },
            partial: Vec::new(),
            skips_first_line,
        })
    }

    /// The position after the last whole line.
    pub(crate) const fn position(&self) -> Position {
        self.position
    }

    /// Reads what was appended since the last call, a chunk at most. Empty if there is nothing new.
    pub(crate) async fn look(&mut self) -> io::Result<Vec<Found>> {
        let mut chunk = vec![0; CHUNK];
        let read = self.file.read(&mut chunk).await?;
        if read > 0 {
            return Ok(self.lines(&chunk[..read]));
        }
        // At the end of this file. Only now, so that the last lines of an old one are not lost.
        if self.file.metadata().await?.len() < self.read_to() {
            self.file.seek(SeekFrom::Start(0)).await?;
            self.start_over(self.position.file);
            return Ok(vec![Found::Truncated]);
        }
        match File::open(&self.path).await {
            Ok(file) => {
                let id = identity(&file.metadata().await?);
                if id == self.position.file {
                    return Ok(Vec::new());
                }
                // The program that renamed the file may have written to it until now.
                let read = self.file.read(&mut chunk).await?;
                if read > 0 {
                    return Ok(self.lines(&chunk[..read]));
                }
                // The last line of the old file, even without a line end.
                let mut found: Vec<Found> = self.take_line(self.partial.len(), 0).into_iter().collect();
                self.file = file;
                self.start_over(id);
                found.push(Found::Rotated);
                Ok(found)
            }
            // Renamed, and the new file does not exist yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// The whole lines that this chunk completes.
    fn lines(&mut self, chunk: &[u8]) -> Vec<Found> {
        self.partial.extend_from_slice(chunk);
        let mut found = Vec::new();
        loop {
            match self.partial.iter().position(|&byte| byte == b'\n') {
                Some(end) => found.extend(self.take_line(end, 1)),
                None if self.partial.len() >= LONGEST_LINE => found.extend(self.take_line(LONGEST_LINE, 0)),
                None => return found,
            }
        }
    }

    /// Takes a line of this length off the front, with its line end; `None` if it is empty.
    fn take_line(&mut self, length: usize, ending: usize) -> Option<Found> {
        let bytes: Vec<u8> = self.partial.drain(..length + ending).collect();
        self.position.offset += bytes.len() as u64;
        if bytes.is_empty() || std::mem::take(&mut self.skips_first_line) {
            return None;
        }
        let line = &bytes[..length];
        // A file may have any bytes, an event is text.
        let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned();
        Some(Found::Line(line, self.position))
    }

    fn read_to(&self) -> u64 {
        self.position.offset + self.partial.len() as u64
    }

    fn start_over(&mut self, file: u64) {
        self.position = Position { file, offset: 0 };
        self.partial.clear();
        self.skips_first_line = false;
    }
}

/// Identifies a file among others with the same name.
#[cfg(unix)]
fn identity(metadata: &Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    metadata.ino()
}

/// Identifies a file among others with the same name, by its time of creation.
#[cfg(not(unix))]
fn identity(metadata: &Metadata) -> u64 {
    let made = metadata.created().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    made.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_the_way_to_a_client_and_back() {
        let position = Position { file: 0xfeed, offset: 4_711 };
        assert_eq!(Position::from_id(&position.to_id()), Some(position));
        for hostile in ["", "-", "7", "x-1", "1-x", "1-2-3", "-1-1"] {
            assert_eq!(Position::from_id(hostile), None, "{hostile}");
        }
    }

    #[tokio::test]
    async fn a_line_without_an_end_is_split() {
        let path = std::env::temp_dir().join(format!("touka-follow-{}.log", std::process::id()));
        std::fs::write(&path, "").expect("writable");
        let mut follower = Follower::open(&path, None).await.expect("the file exists");
        std::fs::write(&path, "x".repeat(LONGEST_LINE + 10)).expect("writable");
        let mut lengths = Vec::new();
        for _ in 0..4 {
            for found in follower.look().await.expect("readable") {
                let Found::Line(line, _) = found else { panic!("{found:?}") };
                lengths.push(line.len());
            }
        }
        assert_eq!(lengths, [LONGEST_LINE], "the rest waits for its end");
        std::fs::remove_file(path).expect("the file exists");
    }
}
