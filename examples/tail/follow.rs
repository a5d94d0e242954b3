//! Follows a file that others write to: lines as they are appended, through truncation and
//! rotation.

use std::fs::Metadata;
use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};

use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

/// How much is read at a time.
const CHUNK: usize = 64 * 1024;

/// The longest line. A longer one comes in pieces: a file without line ends must not fill memory.
const LONGEST_LINE: usize = 64 * 1024;

/// How much of the file's end a first visit gets.
const GLIMPSE: u64 = 4 * 1024;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A line, and the place after it.
    Line(String, Place),
    /// The file is shorter than it was: it is read anew from its start.
    Truncated,
    /// Another file has this name now: it is read from its start.
    Rotated,
}

/// A place in a file. It is made a text and read back, so that a client can come back to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which file: the name may be another one's by then.
    file: u64,
    offset: u64,
}

impl Place {
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
    place: Place,
    /// What was read after that place: the beginning of a line whose end is not written yet.
    begun: Vec<u8>,
    /// The beginning of the first line is not there: the reading began inside it.
    skips: bool,
}

impl Follower {
    /// Opens the file at this place; at its start, if the place is none of this file; near its end
    /// without a place.
    pub(crate) async fn open(path: &Path, place: Option<Place>) -> io::Result<Self> {
        let mut file = File::open(path).await?;
        let metadata = file.metadata().await?;
        let (id, length) = (identity(&metadata), metadata.len());
        let offset = match place {
            Some(place) if place.file == id && place.offset <= length => place.offset,
            Some(_) => 0,
            None => length.saturating_sub(GLIMPSE),
        };
        file.seek(SeekFrom::Start(offset)).await?;
        let skips = place.is_none() && offset > 0;
        Ok(Self { path: path.to_owned(), file, place: Place { file: id, offset }, begun: Vec::new(), skips })
    }

    /// The place after the last whole line.
    pub(crate) const fn place(&self) -> Place {
        self.place
    }

    /// What was appended since the last look, a chunk at most. Nothing for now is an empty list.
    pub(crate) async fn look(&mut self) -> io::Result<Vec<Found>> {
        let mut chunk = vec![0; CHUNK];
        let read = self.file.read(&mut chunk).await?;
        if read > 0 {
            return Ok(self.lines(&chunk[..read]));
        }
        // At the end of this file. Only now, so that the last lines of an old one are not lost.
        if self.file.metadata().await?.len() < self.read_to() {
            self.file.seek(SeekFrom::Start(0)).await?;
            self.start_over(self.place.file);
            return Ok(vec![Found::Truncated]);
        }
        match File::open(&self.path).await {
            Ok(file) => {
                let id = identity(&file.metadata().await?);
                if id == self.place.file {
                    return Ok(Vec::new());
                }
                // Whoever renamed it may have written to it until now.
                let read = self.file.read(&mut chunk).await?;
                if read > 0 {
                    return Ok(self.lines(&chunk[..read]));
                }
                // What the old file ends with, though no line end was written.
                let mut found: Vec<Found> = self.take_line(self.begun.len(), 0).into_iter().collect();
                self.file = file;
                self.start_over(id);
                found.push(Found::Rotated);
                Ok(found)
            }
            // Renamed away, and the new one is not there yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// The whole lines that this chunk completes.
    fn lines(&mut self, chunk: &[u8]) -> Vec<Found> {
        self.begun.extend_from_slice(chunk);
        let mut found = Vec::new();
        loop {
            match self.begun.iter().position(|&byte| byte == b'\n') {
                Some(end) => found.extend(self.take_line(end, 1)),
                None if self.begun.len() >= LONGEST_LINE => found.extend(self.take_line(LONGEST_LINE, 0)),
                None => return found,
            }
        }
    }

    /// Takes a line of this length off the front, and what ends it; none if there is nothing.
    fn take_line(&mut self, length: usize, ending: usize) -> Option<Found> {
        let bytes: Vec<u8> = self.begun.drain(..length + ending).collect();
        self.place.offset += bytes.len() as u64;
        if bytes.is_empty() || std::mem::take(&mut self.skips) {
            return None;
        }
        let line = &bytes[..length];
        // Whatever bytes a file has, an event is text.
        let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned();
        Some(Found::Line(line, self.place))
    }

    fn read_to(&self) -> u64 {
        self.place.offset + self.begun.len() as u64
    }

    fn start_over(&mut self, file: u64) {
        self.place = Place { file, offset: 0 };
        self.begun.clear();
        self.skips = false;
    }
}

/// What tells one file from another of the same name.
#[cfg(unix)]
fn identity(metadata: &Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    metadata.ino()
}

/// What tells one file from another of the same name: here, when it was made.
#[cfg(not(unix))]
fn identity(metadata: &Metadata) -> u64 {
    let made = metadata.created().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    made.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_the_way_to_a_client_and_back() {
        let place = Place { file: 0xfeed, offset: 4_711 };
        assert_eq!(Place::from_id(&place.to_id()), Some(place));
        for hostile in ["", "-", "7", "x-1", "1-x", "1-2-3", "-1-1"] {
            assert_eq!(Place::from_id(hostile), None, "{hostile}");
        }
    }

    #[tokio::test]
    async fn a_line_without_end_comes_in_pieces() {
        let path = std::env::temp_dir().join(format!("touka-follow-{}.log", std::process::id()));
        std::fs::write(&path, "").expect("it can be written");
        let mut follower = Follower::open(&path, None).await.expect("it is there");
        std::fs::write(&path, "x".repeat(LONGEST_LINE + 10)).expect("it can be written");
        let mut lengths = Vec::new();
        for _ in 0..4 {
            for found in follower.look().await.expect("it can be read") {
                let Found::Line(line, _) = found else { panic!("{found:?}") };
                lengths.push(line.len());
            }
        }
        assert_eq!(lengths, [LONGEST_LINE], "the rest waits for its end");
        std::fs::remove_file(path).expect("it is there");
    }
}
