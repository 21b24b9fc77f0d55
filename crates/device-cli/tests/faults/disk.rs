//! The disk under the server, which fails on demand and forgets what was not synced.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::world::Directory;

/// What the disk does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    None = 0,
    /// One in so many writes, syncs and truncations fails, or writes only a half.
    FailingWrites = 1,
    /// One in so many reads fails.
    FailingReads = 2,
    /// No file grows any more.
    Full = 3,
}

/// The number of fields in the control block: fault, every, random, faults.
const FIELDS: usize = 4;

/// The files that the disk is under, in the order of their records.
const FILES: [&str; 2] = ["device-pool.sqlite3", "device-pool.sqlite3-wal"];

/// The unit in which a disk writes. A power cut may tear a write between two of them.
const SECTOR: usize = 512;

/// The library to preload, its control block, and the records of what was not synced.
pub(crate) struct Disk {
    directory: Directory,
    control: File,
}

impl Disk {
    /// Compiles the library. Building the server has already needed a C compiler.
    pub(crate) fn new(seed: u64) -> Self {
        let directory = Directory::new();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/disk.c");
        let compiled = Command::new("cc")
            .args(["-Wall", "-Wextra", "-Werror", "-O2", "-shared", "-fPIC", "-o"])
            .arg(directory.path().join("disk.so"))
            .arg(source)
            .status()
            .unwrap();
        assert!(compiled.success(), "disk.c does not compile");
        let mut options = OpenOptions::new();
        let control = options.read(true).write(true).create(true).truncate(true);
        let control = control.open(directory.path().join("control")).unwrap();
        control.set_len(FIELDS as u64 * 8).unwrap();
        let disk = Self { directory, control };
        disk.set_field(1, 1);
        disk.set_field(2, seed | 1);
        disk
    }

    /// Puts the disk under a server that is about to start.
    pub(crate) fn mount(&self, server: &mut Command) {
        server.env("LD_PRELOAD", self.directory.path().join("disk.so"));
        server.env("DEVICE_FAULTS_DISK", self.directory.path().join("control"));
    }

    /// Sets the fault, for one call in `every`.
    pub(crate) fn set(&self, fault: Fault, every: u64) {
        self.set_field(1, every);
        self.set_field(0, fault as u64);
    }

    /// The number of calls that failed so far.
    pub(crate) fn failed(&self) -> u64 {
        let mut bytes = [0; 8];
        self.control.read_exact_at(&mut bytes, 3 * 8).unwrap();
        u64::from_ne_bytes(bytes)
    }

    fn set_field(&self, index: u64, value: u64) {
        self.control.write_all_at(&value.to_ne_bytes(), index * 8).unwrap();
    }

    fn records(&self, index: usize) -> PathBuf {
        self.directory.path().join(format!("control.{index}"))
    }

    /// Removes half a record, which a kill may have left.
    pub(crate) fn settle(&self) {
        for index in 0..FILES.len() {
            let path = self.records(index);
            let Ok(bytes) = fs::read(&path) else { continue };
            let (_, whole) = Change::read_all(&bytes);
            OpenOptions::new().write(true).open(&path).unwrap().set_len(whole as u64).unwrap();
        }
    }

    /// Cuts the power: of what a killed server had not synced, any part may be lost.
    ///
    /// Returns how many changes were not synced.
    pub(crate) fn cut_power(&self, data: &Path, seed: u64) -> usize {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut unsynced = 0;
        for (index, name) in FILES.iter().enumerate() {
            let Ok(bytes) = fs::read(self.records(index)) else { continue };
            let (changes, _) = Change::read_all(&bytes);
            unsynced += changes.len();
            if let Ok(mut content) = fs::read(data.join(name)) {
                changes.iter().rev().for_each(|change| change.undo(&mut content));
                forget(&changes, &mut content, &mut rng);
                fs::write(data.join(name), content).unwrap();
            }
            fs::write(self.records(index), "").unwrap();
        }
        // Memory of all processes that use the database.
        let _ = fs::remove_file(data.join(format!("{}-shm", FILES[0])));
        unsynced
    }
}

/// Makes some of the undone changes again: none, the first ones, or any sectors of any.
fn forget(changes: &[Change], content: &mut Vec<u8>, rng: &mut StdRng) {
    match rng.random_range(0..3) {
        0 => {}
        1 => {
            let kept = rng.random_range(0..=changes.len());
            changes[..kept].iter().for_each(|change| change.redo(content, |_| true));
        }
        _ => {
            for change in changes {
                if rng.random() {
                    let whole: bool = rng.random();
                    change.redo(content, |_| whole || rng.random());
                }
            }
        }
    }
}

/// A write or a truncation that was not synced.
struct Change {
    is_truncation: bool,
    offset: usize,
    old_size: usize,
    old: Vec<u8>,
    new: Vec<u8>,
}

impl Change {
    /// The records, and the length of all whole ones.
    fn read_all(bytes: &[u8]) -> (Vec<Self>, usize) {
        let (mut changes, mut rest) = (Vec::new(), bytes);
        while let Some(change) = Self::read(&mut rest) {
            changes.push(change);
        }
        (changes, bytes.len() - rest.len())
    }

    /// Takes a record off the front; leaves half a one.
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let mut fields = bytes.chunks_exact(8);
        let mut field = || {
            let bytes = fields.next()?.try_into().ok()?;
            usize::try_from(u64::from_ne_bytes(bytes)).ok()
        };
        let [kind, offset, old_size, old_length, new_length] =
            [field()?, field()?, field()?, field()?, field()?];
        let (old, rest) = bytes.get(5 * 8..)?.split_at_checked(old_length)?;
        let (new, rest) = rest.split_at_checked(new_length)?;
        *bytes = rest;
        let (old, new) = (old.to_vec(), new.to_vec());
        Some(Self { is_truncation: kind == 1, offset, old_size, old, new })
    }

    fn undo(&self, content: &mut Vec<u8>) {
        content.resize(self.old_size, 0);
        if !self.old.is_empty() {
            content[self.offset..self.offset + self.old.len()].copy_from_slice(&self.old);
        }
    }

    /// Makes the change again, of a write only the kept sectors.
    fn redo(&self, content: &mut Vec<u8>, mut is_kept: impl FnMut(usize) -> bool) {
        if self.is_truncation {
            content.resize(self.offset, 0);
            return;
        }
        for (index, sector) in self.new.chunks(SECTOR).enumerate() {
            if is_kept(index) {
                let (start, end) =
                    (self.offset + index * SECTOR, self.offset + index * SECTOR + sector.len());
                content.resize(content.len().max(end), 0);
                content[start..end].copy_from_slice(sector);
            }
        }
    }
}
