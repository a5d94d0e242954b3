//! [`Overlay`], a file whose writes stay in memory.

use std::collections::HashMap;
use std::io::{Error, ErrorKind};

use redb::StorageBackend;

use super::held_file::Storage;
use crate::sync::{Mutex, MutexGuard};

const BLOCK: usize = 4096;

/// A storage for redb whose writes stay in memory.
///
/// redb cannot open a file whose last writer failed without repairing it, and cannot repair it on a full disk. Through
/// an overlay it can: the repair changes a few blocks in memory, and the file stays as it is.
#[derive(Debug)]
pub(super) struct Overlay {
    file: Storage,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    len: u64,
    /// The length of the visible part of the file. Bytes that were truncated and added again are zeros.
    of_file: u64,
    /// The written blocks by number.
    blocks: HashMap<u64, Box<[u8; BLOCK]>>,
}

type Io<T> = Result<T, Error>;

impl Overlay {
    pub(super) fn new(file: Storage) -> Io<Self> {
        let len = file.len()?;
        Ok(Self { file, written: Mutex::new(Written { len, of_file: len, blocks: HashMap::new() }) })
    }

    fn lock(&self) -> MutexGuard<'_, Written> {
        self.written.lock()
    }

    /// Reads from the visible part of the file, and zeros after its end.
    fn read_file(&self, written: &Written, offset: u64, out: &mut [u8]) -> Io<()> {
        let there = usize::try_from(written.of_file.saturating_sub(offset)).unwrap_or(usize::MAX).min(out.len());
        let (from_file, behind) = out.split_at_mut(there);
        behind.fill(0);
        if from_file.is_empty() { Ok(()) } else { self.file.read(offset, from_file) }
    }
}

/// Splits a range at the boundaries of blocks. Each part is the block's number, the offset within the block, and the
/// part of the range.
fn parts(offset: u64, length: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        (at < length).then(|| {
            let position = offset + at as u64;
            // The remainder is less than a block.
            let within = usize::try_from(position % BLOCK as u64).unwrap_or(0);
            let part = at..length.min(at + BLOCK - within);
            at = part.end;
            (position / BLOCK as u64, within, part)
        })
    })
}

impl StorageBackend for Overlay {
    fn len(&self) -> Io<u64> {
        Ok(self.lock().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Io<()> {
        let written = self.lock();
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > written.len) {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.read_file(&written, offset, out)?;
        for (block, within, part) in parts(offset, out.len()) {
            if let Some(bytes) = written.blocks.get(&block) {
                let length = part.len();
                out[part].copy_from_slice(&bytes[within..within + length]);
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> Io<()> {
        let mut written = self.lock();
        if len < written.len {
            written.of_file = written.of_file.min(len);
            let (whole, rest) = (len / BLOCK as u64, usize::try_from(len % BLOCK as u64).unwrap_or(0));
            written.blocks.retain(|&block, _| block < whole + u64::from(rest > 0));
            if let Some(last) = written.blocks.get_mut(&whole) {
                last[rest..].fill(0);
            }
        }
        written.len = len;
        Ok(())
    }

    fn sync_data(&self) -> Io<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Io<()> {
        let mut written = self.lock();
        for (block, within, part) in parts(offset, data.len()) {
            if !written.blocks.contains_key(&block) {
                let mut bytes = Box::new([0; BLOCK]);
                self.read_file(&written, block * BLOCK as u64, &mut bytes[..])?;
                written.blocks.insert(block, bytes);
            }
            if let Some(bytes) = written.blocks.get_mut(&block) {
                bytes[within..within + part.len()].copy_from_slice(&data[part]);
            }
        }
        written.len = written.len.max(offset + data.len() as u64);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;
    use crate::topic::engine::disk::held_file::HeldFile;

    #[derive(Clone, Debug)]
    enum Step {
        Write(u16, Vec<u8>),
        SetLen(u16),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let bytes = |lengths| prop::collection::vec(any::<u8>(), lengths);
        let bytes = prop_oneof![bytes(0..40), bytes(4000..9000)];
        let write = (0..20_000_u16, bytes).prop_map(|(at, bytes)| Step::Write(at, bytes));
        prop::collection::vec(prop_oneof![write, (0..20_000_u16).prop_map(Step::SetLen)], 1..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn it_reads_like_a_file_and_leaves_the_file_unchanged(steps in steps(), length in 0..15_000_usize) {
            let path = std::env::temp_dir().join(format!("touka-overlay-{}", std::process::id()));
            let mut expected: Vec<u8> = (1..=250_u8).cycle().take(length).collect();
            fs::write(&path, &expected).unwrap();
            let before = expected.clone();
            let overlay = Overlay::new(HeldFile::open(&path).unwrap().storage().unwrap()).unwrap();
            for step in steps {
                match step {
                    Step::Write(at, bytes) => {
                        let (start, end) = (usize::from(at), usize::from(at) + bytes.len());
                        expected.resize(expected.len().max(end), 0);
                        expected[start..end].copy_from_slice(&bytes);
                        overlay.write(at.into(), &bytes).unwrap();
                    }
                    Step::SetLen(len) => {
                        expected.resize(len.into(), 0);
                        overlay.set_len(len.into()).unwrap();
                    }
                }
                prop_assert_eq!(overlay.len().unwrap(), expected.len() as u64);
                for from in [0, expected.len() / 3, expected.len() / 2] {
                    let mut read = vec![9; expected.len() - from];
                    overlay.read(from as u64, &mut read).unwrap();
                    prop_assert!(read == expected[from..], "from {}", from);
                }
                prop_assert!(overlay.read(1, &mut vec![0; expected.len()]).is_err());
            }
            prop_assert!(fs::read(&path).unwrap() == before);
            let _ = fs::remove_file(&path);
        }
    }
}
