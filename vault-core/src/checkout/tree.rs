//! The tree of a checkout in the making: everything is made below one folder, and nothing outside of it.

use crate::bundle::Entry;
use crate::error::FsError;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt, OpenOptions, OpenOptionsExt, Permissions, PermissionsExt};
use gapvault_formats::catalogue;
use std::fs::File;
use std::path::{Path, PathBuf};

/// A folder that nothing is written outside of.
pub(super) struct Tree {
    dir: Dir,
    root: PathBuf,
}

impl Tree {
    pub(super) fn open(root: &Path) -> Result<Self, FsError> {
        let dir = Dir::open_ambient_dir(root, ambient_authority()).map_err(FsError::at("can't open folder", root))?;
        Ok(Self { dir, root: root.to_owned() })
    }

    /// For messages only.
    pub(super) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    pub(super) fn make_folders(&self, entries: &[Entry]) -> Result<(), FsError> {
        for entry in entries {
            let Entry::Folder(folder) = entry else { continue };
            let mut builder = DirBuilder::new();
            builder.mode(folder.mode | 0o700);
            let path = folder.path.as_str();
            self.dir.create_dir_with(path, &builder).map_err(FsError::at("can't create folder", &self.path(path)))?;
        }
        Ok(())
    }

    pub(super) fn create_file(&self, path: &str, mode: u32) -> Result<File, FsError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(mode);
        let file = self.dir.open_with(path, &options).map_err(FsError::at("can't create", &self.path(path)))?;
        Ok(file.into_std())
    }

    /// Opens a file that was made, to be read, whatever its mode.
    pub(super) fn open_file(&self, file: &catalogue::File) -> Result<File, FsError> {
        let path = file.path.as_str();
        let full = self.path(path);
        let failed = || FsError::at("can't read", &full);
        let open = || self.dir.open(path).map(cap_std::fs::File::into_std);
        if file.mode & 0o400 != 0 {
            return open().map_err(failed());
        }
        let made = self.dir.metadata(path).map_err(failed())?.permissions();
        self.dir.set_permissions(path, Permissions::from_mode(0o400)).map_err(failed())?;
        let opened = open().map_err(failed())?;
        self.dir.set_permissions(path, made).map_err(failed())?;
        Ok(opened)
    }

    pub(super) fn make_links(&self, entries: &[Entry]) -> Result<(), FsError> {
        for entry in entries {
            let Entry::Link(link) = entry else { continue };
            let path = link.path.as_str();
            self.dir
                .symlink_contents(&link.target, path)
                .map_err(FsError::at("can't create link", &self.path(path)))?;
        }
        Ok(())
    }

    /// Makes everything durable with one call; on Linux it reports write errors of the whole file system.
    pub(super) fn sync(&self) -> Result<(), FsError> {
        // The handle that paths are looked up from can't be synced itself.
        let root = File::open(&self.root).map_err(FsError::at("can't open folder", &self.root))?;
        rustix::fs::syncfs(&root).map_err(FsError::at("can't make durable", &self.root))
    }

    pub(super) fn set_folder_modes(&self, entries: &[Entry]) -> Result<(), FsError> {
        for entry in entries.iter().rev() {
            let Entry::Folder(folder) = entry else { continue };
            let path = folder.path.as_str();
            let full = self.path(path);
            let failed = || FsError::at("can't set the mode of", &full);
            // What this process's umask left of the mode when the folder was made.
            let made = self.dir.metadata(path).map_err(failed())?.permissions().mode();
            if made & 0o777 != made & folder.mode {
                self.dir.set_permissions(path, Permissions::from_mode(made & folder.mode)).map_err(failed())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gapvault_formats::ids::FileDigest;
    use gapvault_formats::relpath::RelPath;
    use std::io::{Read, Write};

    #[test]
    fn files_are_read_whatever_their_mode_which_they_keep() {
        let room = tempfile::tempdir().unwrap();
        let tree = Tree::open(room.path()).unwrap();
        for mode in [0o644, 0o444, 0o044, 0] {
            let path = RelPath::new(&format!("{mode:o}")).unwrap();
            let file = catalogue::File { path, mode, size: 4, sha256: FileDigest::of(b"seen") };
            tree.create_file(file.path.as_str(), mode).unwrap().write_all(b"seen").unwrap();
            let before = std::fs::metadata(room.path().join(file.path.as_str())).unwrap().permissions();
            let mut text = String::new();
            tree.open_file(&file).unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "seen");
            assert_eq!(std::fs::metadata(room.path().join(file.path.as_str())).unwrap().permissions(), before);
        }
    }
}
