//! Which mount holds a path, as the kernel tells this process.

use rustix::fs::{AtFlags, StatxFlags, statx};
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// Where the kernel lists this process's mounts, the later ones over the earlier.
const LIST: &str = "/proc/self/mountinfo";
/// Bytes of that list that are looked at.
const LIMIT: u64 = 16 << 20;

/// One line of that list. Its names are whatever whoever mounted it chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    id: u64,
    /// Where it is mounted.
    pub(crate) point: PathBuf,
    /// The file system's name, with a subtype behind a point: `ext4`, `fuseblk`, `fuse.sshfs`.
    pub(crate) kind: String,
    /// What is mounted; mostly a device.
    pub(crate) source: Option<OsString>,
}

impl Mount {
    /// The mount that holds `file`, which stands at `path`; `None` if it is not listed (or nothing is).
    pub(crate) fn of(file: impl AsFd, path: &Path) -> Option<Self> {
        let mut list = Vec::new();
        File::open(LIST).ok()?.take(LIMIT).read_to_end(&mut list).ok()?;
        let mounts = list.split(|byte| *byte == b'\n').filter_map(Self::parse).collect::<Vec<_>>();
        // By its number where the kernel gives that (since 5.8): bind mounts, mounts over others and device numbers
        // that are not the mount's (as those of Btrfs) make anything else a guess.
        let number = statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)
            .ok()
            .filter(|stat| stat.stx_mask & StatxFlags::MNT_ID.bits() != 0)
            .map(|stat| stat.stx_mnt_id);
        if let Some(found) = mounts.iter().find(|mount| Some(mount.id) == number) {
            return Some(found.clone());
        }
        covering(mounts, &path.canonicalize().ok()?)
    }

    /// Reads a line; `None` if it is none.
    fn parse(line: &[u8]) -> Option<Self> {
        // One space after every field: a field may be empty.
        let mut fields = line.split(|byte| *byte == b' ');
        let id = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
        let point = PathBuf::from(OsString::from_vec(unescape(fields.nth(3)?)));
        fields.next()?;
        fields.find(|field| *field == b"-")?;
        let kind = String::from_utf8_lossy(&unescape(fields.next()?)).into_owned();
        let source = unescape(fields.next()?);
        let source = (!source.is_empty() && source != b"none").then(|| OsString::from_vec(source));
        (point.is_absolute() && !kind.is_empty()).then_some(Self { id, point, kind, source })
    }
}

/// The last mount on the longest way to `path`.
fn covering(mounts: Vec<Mount>, path: &Path) -> Option<Mount> {
    // Of several that are equal, the last.
    mounts.into_iter().filter(|m| path.starts_with(&m.point)).max_by_key(|m| m.point.as_os_str().len())
}

/// Turns `\040` and the like, three octal digits for a byte, into what they stand for; anything else stays.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, behind @ ..] = rest {
        let (byte, behind) = match rest {
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', behind @ ..] => {
                (((a - b'0') << 6) | ((b - b'0') << 3) | (c - b'0'), behind)
            }
            _ => (*first, behind),
        };
        out.push(byte);
        rest = behind;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::ffi::OsStrExt;

    fn mounts(list: &str) -> Vec<Mount> {
        list.lines().filter_map(|line| Mount::parse(line.as_bytes())).collect()
    }

    #[test]
    fn a_line_is_read_with_its_escapes_and_whatever_fields_are_optional() {
        let line =
            br"42 27 8:1 / /media/my\040stick\134\012\011 rw shared:1 master:2 x:3 - fuseblk /dev/disk\043\0401 rw";
        let mount = Mount::parse(line).unwrap();
        assert_eq!(mount.point.as_os_str().as_bytes(), b"/media/my stick\\\n\t");
        assert_eq!((mount.id, mount.kind.as_str()), (42, "fuseblk"));
        assert_eq!(mount.source.unwrap(), "/dev/disk# 1");
        let bare = Mount::parse(b"1 1 0:5 / / rw - tmpfs none rw").unwrap();
        assert_eq!((bare.kind.as_str(), bare.source), ("tmpfs", None));
        // What is mounted may have no name at all.
        assert_eq!(Mount::parse(b"1 1 0:5 / /x rw -  - tmpfs  rw").map(|m| m.kind), None);
        assert_eq!(Mount::parse(b"1 1 0:5 / /x rw - tmpfs  rw").unwrap().source, None);
    }

    #[test]
    fn escapes_that_are_none_stay_as_they_are() {
        for (field, bytes) in [
            (&br"a\b"[..], &br"a\b"[..]),
            (br"\04", br"\04"),
            (br"\400\777", br"\400\777"),
            (br"\377", b"\xff"),
            (br"\134040", br"\040"),
            (br"\089\", br"\089\"),
        ] {
            assert_eq!(unescape(field), bytes, "{}", String::from_utf8_lossy(field));
        }
    }

    #[test]
    fn hostile_lines_are_passed_over() {
        for line in [
            "",
            "- - - - - - -",
            "x 1 0:1 / /a rw - ext4 /dev/a rw",
            "-1 1 0:1 / /a rw - ext4 /dev/a rw",
            "99999999999999999999 1 0:1 / /a rw - ext4 /dev/a rw",
            "1 1 0:1 / relative rw - ext4 /dev/a rw",
            "1 1 0:1 / /a rw shared:1",
            "1 1 0:1 / /a rw - ext4",
            "1 1 0:1 / /a rw -  /dev/a rw",
        ] {
            assert_eq!(Mount::parse(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn the_last_mount_on_the_longest_way_holds_a_path() {
        let list = "\
            1 0 8:1 / / rw - ext4 /dev/a rw\n\
            2 1 8:2 / /media/usb rw - vfat /dev/b rw\n\
            3 2 8:3 / /media/usb rw - exfat /dev/c rw\n\
            4 1 8:1 /srv /media rw - ext4 /dev/a rw\n\
            5 1 8:5 / /media/usb2 rw - xfs /dev/d rw\n";
        let id = |path: &str| covering(mounts(list), Path::new(path)).map(|m| m.id);
        assert_eq!(id("/media/usb/x"), Some(3));
        assert_eq!(id("/media/usb"), Some(3));
        assert_eq!(id("/media/usb2/x/y"), Some(5));
        assert_eq!(id("/media/usb22"), Some(4));
        assert_eq!(id("/home"), Some(1));
        assert_eq!(covering(Vec::new(), Path::new("/home")), None);
    }

    #[test]
    fn the_mount_of_this_process_s_own_list_is_known() {
        let proc = File::open("/proc").unwrap();
        let mount = Mount::of(&proc, Path::new("/proc")).unwrap();
        assert_eq!((mount.point.as_path(), mount.kind.as_str()), (Path::new("/proc"), "proc"));
    }

    proptest! {
        #[test]
        fn no_line_breaks_the_reader(line in prop::collection::vec(prop_oneof![Just(b' '), Just(b'-'), Just(b'\\'), any::<u8>()], 0..60)) {
            let _ = Mount::parse(&line);
        }

        #[test]
        fn every_name_comes_back(name in prop::collection::vec(1u8.., 1..40)) {
            let escaped: Vec<u8> = name.iter().flat_map(|b| format!("\\{b:03o}").into_bytes()).collect();
            prop_assert_eq!(unescape(&escaped), name);
        }
    }
}
