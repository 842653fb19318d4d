//! A directory of segment files, and the lock that lets one process append to it.

use crate::{Error, Store};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Segments as the files `00000000.segment`, `00000001.segment`, ... of a directory.
#[derive(Debug)]
pub struct Disk {
    dir: PathBuf,
    /// Held for as long as this process may append; none for a reader.
    lock: Option<File>,
    writing: Option<Writing>,
}

#[derive(Debug)]
struct Writing {
    segment: u64,
    file: File,
    /// Made since the last sync: the directory must be synced too.
    is_new: bool,
}

const LOCK: &str = "lock";

impl Disk {
    /// Opens a directory to append to it and makes it if there is none; [`Error::Locked`] while another process does.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Open { dir: dir.to_owned(), source };
        if !dir.is_dir() {
            std::fs::create_dir_all(dir).map_err(failed)?;
            if let Some(parent) = dir.parent().filter(|p| !p.as_os_str().is_empty()) {
                sync_dir(parent).map_err(failed)?;
            }
        }
        let path = dir.join(LOCK);
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { dir: dir.to_owned(), lock: Some(lock), writing: None }),
            Err(TryLockError::WouldBlock) => Err(Error::Locked { dir: dir.to_owned() }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Opens a directory to read it, whether or not a process appends to it.
    pub fn reading(dir: &Path) -> Result<Self, Error> {
        std::fs::read_dir(dir).map_err(|source| Error::Open { dir: dir.to_owned(), source })?;
        Ok(Self { dir: dir.to_owned(), lock: None, writing: None })
    }

    fn path(&self, segment: u64) -> PathBuf {
        self.dir.join(file_name(segment))
    }

    fn may_write(&self) -> io::Result<()> {
        match self.lock {
            Some(_) => Ok(()),
            None => Err(io::Error::new(ErrorKind::PermissionDenied, "the log was opened to be read")),
        }
    }
}

/// The file name of a segment.
pub fn file_name(segment: u64) -> String {
    format!("{segment:08}.segment")
}

impl Store for Disk {
    fn segments(&self) -> io::Result<Vec<(u64, u64)>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.dir)? {
            let entry = entry?;
            let name = entry.file_name();
            let number = name.to_str().and_then(|n| n.strip_suffix(".segment")).and_then(|n| n.parse().ok());
            if let Some(segment) = number {
                found.push((segment, entry.metadata()?.len()));
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    fn read(&self, segment: u64, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut file = File::open(self.path(segment))?;
        file.seek(SeekFrom::Start(offset))?;
        let mut n = 0;
        while n < into.len() {
            match file.read(&mut into[n..]) {
                Ok(0) => break,
                Ok(more) => n += more,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(n)
    }

    fn append(&mut self, segment: u64, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.may_write()?;
        if self.writing.as_ref().is_none_or(|w| w.segment != segment) {
            let path = self.path(segment);
            let is_new = !path.exists();
            let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
            self.writing = Some(Writing { segment, file, is_new });
        }
        let writing = self.writing.as_mut().expect("it was opened above");
        writing.file.seek(SeekFrom::Start(offset))?;
        writing.file.write_all(bytes)
    }

    fn sync(&mut self, segment: u64) -> io::Result<()> {
        self.may_write()?;
        match self.writing.as_mut().filter(|w| w.segment == segment) {
            Some(writing) if writing.is_new => {
                writing.file.sync_all()?;
                sync_dir(&self.dir)?;
                writing.is_new = false;
                Ok(())
            }
            Some(writing) => writing.file.sync_data(),
            None => File::open(self.path(segment))?.sync_all(),
        }
    }

    fn truncate(&mut self, segment: u64, len: u64) -> io::Result<()> {
        self.may_write()?;
        let path = self.path(segment);
        if !path.exists() {
            return Ok(());
        }
        if len == 0 {
            self.writing = None;
            std::fs::remove_file(path)?;
            return sync_dir(&self.dir);
        }
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(len)?;
        file.sync_all()
    }
}

#[cfg(unix)]
fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Elsewhere a directory cannot be opened as a file, and its entries are durable with the file.
#[cfg(not(unix))]
fn sync_dir(_: &Path) -> io::Result<()> {
    Ok(())
}
