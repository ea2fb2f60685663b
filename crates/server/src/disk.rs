//! The disk that holds the data folder, as the system tells of it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use forebay_engine::{Disk, Space};

/// The file that is written to find out whether the disk takes anything.
const PROBE: &str = "disk-probe";

/// The disk of one folder.
pub(crate) struct DataDisk(PathBuf);

impl DataDisk {
    pub(crate) fn new(dir: &Path) -> Self {
        Self(dir.to_owned())
    }
}

impl Disk for DataDisk {
    fn space(&self) -> io::Result<Space> {
        let told = rustix::fs::statvfs(&self.0)?;
        // What only the system's administrator may still use does not count as free.
        let bytes = |blocks: u64| blocks.saturating_mul(told.f_frsize);
        Ok(Space { free: bytes(told.f_bavail), total: bytes(told.f_blocks) })
    }

    fn try_to_write(&self) -> io::Result<()> {
        let path = self.0.join(PROBE);
        let written = fs::File::create(&path).and_then(|mut file| {
            // More than fits into a folder's entry, so that a block is needed.
            file.write_all(&[0; 4096])?;
            file.sync_all()
        });
        let removed = fs::remove_file(&path);
        written?;
        removed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_space_takes_writes_and_is_left_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let disk = DataDisk::new(dir.path());
        let space = disk.space().unwrap();
        assert!(space.total > 0 && space.free <= space.total, "{space:?}");
        disk.try_to_write().unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        let gone = DataDisk::new(&dir.path().join("gone"));
        assert!(gone.space().is_err() && gone.try_to_write().is_err());
    }
}
