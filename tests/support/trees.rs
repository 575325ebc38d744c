//! Trees of files to carry across: written from a short description, so that a failing one can be read.

use super::{noise, set_mode};
use gapvault_formats::relpath::{RelPath, collision_key};
use proptest::prelude::*;
use std::collections::HashSet;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// What a file holds.
#[derive(Clone, Debug)]
pub enum Content {
    Empty,
    Byte(u8),
    Text(usize),
    Noise(u64, usize),
    Safetensors(u64, Vec<usize>),
    /// Begins like safetensors, and is not.
    NearlySafetensors(usize),
}

/// Something in a folder.
#[derive(Clone, Debug)]
pub enum Node {
    File(Content, u32),
    Folder(Vec<(String, Node)>, u32),
    /// A link to some path of the tree, by its number.
    Link(prop::sample::Index),
    /// A link to a name that is not there.
    Dangling,
}

impl Content {
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Empty => Vec::new(),
            Self::Byte(byte) => vec![*byte],
            Self::Text(length) => b"the same line, again and again\n".iter().copied().cycle().take(*length).collect(),
            Self::Noise(seed, length) => noise(*seed, *length),
            Self::Safetensors(seed, tensors) => safetensors(*seed, tensors),
            Self::NearlySafetensors(length) => {
                let mut bytes = safetensors(1, &[*length]);
                bytes.pop();
                bytes
            }
        }
    }
}

/// A safetensors file with tensors of these lengths.
pub fn safetensors(seed: u64, tensors: &[usize]) -> Vec<u8> {
    let mut end = 0;
    let entries = tensors.iter().enumerate().map(|(number, length)| {
        let begin = end;
        end += length;
        format!(r#""layers.{number}":{{"dtype":"U8","shape":[{length}],"data_offsets":[{begin},{end}]}}"#)
    });
    let header = format!("{{{}}}", entries.collect::<Vec<_>>().join(","));
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend(noise(seed, end));
    bytes
}

/// Any tree of up to a few dozen entries, some of which need several packs of 64 KiB.
pub fn any_tree() -> impl Strategy<Value = Vec<(String, Node)>> {
    let leaf = prop_oneof![
        6 => (any_content(), prop::sample::select(vec![0o644, 0o755, 0o444, 0o555, 0o600, 0o400, 0o666]))
            .prop_map(|(content, mode)| Node::File(content, mode)),
        2 => any::<prop::sample::Index>().prop_map(Node::Link),
        1 => Just(Node::Dangling),
    ];
    let node = leaf.prop_recursive(4, 24, 5, |inner| {
        let mode = prop::sample::select(vec![0o755, 0o700, 0o555, 0o500, 0o777]);
        (prop::collection::vec((any_name(), inner), 0..5), mode)
            .prop_map(|(children, mode)| Node::Folder(children, mode))
    });
    prop::collection::vec((any_name(), node), 0..8)
}

fn any_content() -> impl Strategy<Value = Content> {
    // Few seeds, so that the same content comes twice.
    let seed = 0u64..3;
    prop_oneof![
        Just(Content::Empty),
        any::<u8>().prop_map(Content::Byte),
        (2usize..400_000).prop_map(Content::Text),
        (seed.clone(), 2usize..200_000).prop_map(|(seed, length)| Content::Noise(seed, length)),
        (seed.clone(), Just(150_000)).prop_map(|(seed, length)| Content::Noise(seed, length)),
        (seed, prop::collection::vec(0usize..90_000, 0..4)).prop_map(|(seed, t)| Content::Safetensors(seed, t)),
        (1usize..70_000).prop_map(Content::NearlySafetensors),
    ]
}

fn any_name() -> impl Strategy<Value = String> {
    let odd =
        ["-rf", "--", " before", "after ", "it's \"so\"", "$(exit 1)", "*", "~", "#", "%2e%2e", "...", "..x", "é"]
            .map(str::to_owned)
            .into_iter()
            .chain(["e\u{301}", "日本語", "🦀", "con_", "seal.json", "keys.age", "C:", "a:b|c<d>?"].map(str::to_owned))
            .chain(["x".repeat(255), "ß".repeat(127), ".part".to_owned()])
            .collect::<Vec<_>>();
    let plain = "[a-zA-Z0-9._ -]{1,12}".prop_filter("a name that crosses", |name| RelPath::new(name).is_ok());
    prop_oneof![plain, prop::sample::select(odd)]
}

/// Writes a tree. Names that some file systems hold for one are left out but for the first.
pub fn write_tree(root: &Path, tree: &[(String, Node)]) {
    std::fs::create_dir_all(root).unwrap();
    let mut places = Places::default();
    write_nodes(root, "", tree, &mut places);
    for (at, to) in places.links {
        let ups = "../".repeat(at.matches('/').count());
        let target = &places.paths[to.index(places.paths.len())];
        symlink(format!("{ups}{target}"), root.join(&at)).unwrap();
    }
    // Innermost first: what is in a read-only folder must be there before.
    for (folder, mode) in places.folders.iter().rev() {
        set_mode(&root.join(folder), *mode);
    }
}

#[derive(Default)]
struct Places {
    paths: Vec<String>,
    folders: Vec<(String, u32)>,
    links: Vec<(String, prop::sample::Index)>,
}

fn write_nodes(root: &Path, below: &str, nodes: &[(String, Node)], places: &mut Places) {
    let mut names = HashSet::new();
    for (name, node) in nodes {
        if !names.insert(collision_key(name)) {
            continue;
        }
        let relative = format!("{below}{name}");
        let path = root.join(&relative);
        places.paths.push(relative.clone());
        match node {
            Node::File(content, mode) => {
                std::fs::write(&path, content.bytes()).unwrap();
                set_mode(&path, *mode);
            }
            Node::Folder(children, mode) => {
                std::fs::create_dir(&path).unwrap();
                places.folders.push((relative.clone(), *mode));
                write_nodes(root, &format!("{relative}/"), children, places);
            }
            Node::Link(to) => places.links.push((relative, *to)),
            Node::Dangling => symlink("nothing here", &path).unwrap(),
        }
    }
}

/// Makes read-only folders writable again when it is dropped, so that they can be removed.
#[derive(Debug)]
pub struct Unlock(pub PathBuf);

impl Drop for Unlock {
    fn drop(&mut self) {
        unlock(&self.0);
    }
}

fn unlock(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.filter_map(Result::ok) {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            set_mode(&entry.path(), 0o700);
            unlock(&entry.path());
        }
    }
}
