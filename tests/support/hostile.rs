//! An exporter whom the cluster trusts and who lies: every digest and signature of a forged bundle is right, whatever it
//! says. It is made without the library's writers where those would refuse.

use super::table::Table;
use super::{Gap, noise};
use gapvault_formats::agefile::{Identity, Recipient, SealWriter, Suite};
use gapvault_formats::card::Card;
use gapvault_formats::catalogue::{self, Artifact, Provenance, Reader, Role, Totals};
use gapvault_formats::coding::{Coder, Coding};
use gapvault_formats::ids::{BundleId, FileDigest, MediumDigest, Nonce, TentKey};
use gapvault_formats::index::{self, Chunk, Recipe, Run};
use gapvault_formats::keys::Keys;
use gapvault_formats::names::VolumeName;
use gapvault_formats::relpath::RelPath;
use gapvault_formats::seal::{Predicate, Stanzas, StreamLayout, Volume};
use gapvault_formats::sshsig::{Namespace, SigningKey};
use gapvault_formats::time::Time;
use gapvault_formats::{FORMAT, padding};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// A bundle's files but seal and signature, by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Stream bytes in a pack of a forged bundle.
pub const PACK: u64 = 64 << 10;

/// The records of an honest catalogue, to be changed.
pub mod entry {
    pub const HEAD: usize = 0;
    pub const ARTIFACT: usize = 1;
    /// `dir`
    pub const DIR: usize = 2;
    /// `dir/a.bin`, 100,000 bytes of chunks 0 and 1
    pub const A: usize = 3;
    /// `dir/b.bin`, 40,000 bytes of chunk 1
    pub const B: usize = 4;
    /// `latest`, a link to `dir/a.bin`
    pub const LINK: usize = 5;
    /// `zeros`, 500,000 bytes of chunk 2
    pub const ZEROS: usize = 6;
    pub const END: usize = 7;
}

/// The records of an honest index, to be changed.
pub mod row {
    pub const HEAD: usize = 0;
    /// 60,000 bytes, stored
    pub const FIRST: usize = 1;
    /// 40,000 bytes, stored
    pub const SECOND: usize = 2;
    /// 500,000 zeros, as zstd
    pub const THIRD: usize = 3;
    pub const RECIPE_A: usize = 4;
    pub const RECIPE_B: usize = 5;
    pub const RECIPE_ZEROS: usize = 6;
    pub const END: usize = 7;
}

/// A bundle in the making: honest until somebody changes a field.
pub struct Forge {
    pub label: String,
    pub artifact: String,
    pub catalogue: Table,
    pub index: Table,
    pub keys: Keys,
    /// The coded chunks; padded when it is sealed.
    pub stream: Vec<u8>,
    pub predicate: Predicate,
    /// Whom `keys.age` is sealed to.
    pub members: Vec<Recipient>,
    /// Changes the text of the keys before it is sealed.
    pub on_keys: fn(&str) -> String,
    /// Changes the sealed files before they are digested.
    pub on_files: fn(&Forge, &mut Files),
    /// Changes the seal's predicate.
    pub on_predicate: fn(&mut serde_json::Value),
    /// Changes the seal's text before it is signed.
    pub on_seal: fn(String) -> String,
    pub lab: Card,
    pub cluster: Card,
    signer: SigningKey,
}

impl Forge {
    /// An honest bundle of the gap's lab for its cluster, number `number`.
    pub fn new(gap: &Gap, number: u64) -> Self {
        let card = |vault: &Path| Card::parse(&std::fs::read(vault.join("card.toml")).unwrap()).unwrap();
        let (lab, cluster) = (card(&gap.lab.vault), card(&gap.cluster.vault));
        let ssh = std::fs::read_to_string(gap.lab.vault.join("secrets/ssh.key")).unwrap();
        let nonce = Nonce::from_bytes(*BundleId::of(&number.to_le_bytes()).as_bytes());
        let keys =
            Keys { nonce, tent: "aurora".parse().unwrap(), tent_key: tent_key(gap), identity: Identity::generate() };
        let label = format!("forged-{number}");
        let artifact = format!("model:v{number}");

        let (index, stream) = honest_index(&keys);
        let reader = Reader {
            site: cluster.site.clone(),
            role: Role::Member,
            recipient: cluster.recipient.clone(),
            card: cluster.fingerprint(),
        };
        let head = catalogue::Head {
            format: FORMAT,
            nonce,
            tent: keys.tent.clone(),
            site: lab.site.clone(),
            person: lab.person.clone(),
            readers: vec![reader],
            totals: Totals { artifacts: 1, files: 3, folders: 1, links: 1, bytes: 640_000 },
        };
        let layout = StreamLayout { length: padding::padded(stream.len() as u64), pack: PACK };
        let predicate = Predicate {
            format: FORMAT,
            label: label.parse().unwrap(),
            nonce,
            exporter: lab.key.clone(),
            created: now(),
            expires: now().plus(86_400).unwrap(),
            number,
            destinations: vec![cluster.label_key.tag(&nonce, &keys.tent)],
            suite: Suite::X25519,
            stanzas: Stanzas { catalogue: 1, keys: 1, index: 1, pack: 1 },
            stream: layout,
            volumes: vec![Volume { name: VolumeName::new("1").unwrap(), packs: vec![(0, layout.packs())] }],
            parity: None,
            builds_on: Vec::new(),
            supersedes: None,
        };
        Self {
            catalogue: honest_catalogue(head, &artifact),
            index,
            keys,
            stream,
            predicate,
            members: vec![cluster.recipient.clone()],
            on_keys: str::to_owned,
            on_files: |_, _| {},
            on_predicate: |_| {},
            on_seal: |text| text,
            signer: SigningKey::from_openssh(&ssh).unwrap(),
            label,
            artifact,
            lab,
            cluster,
        }
    }

    /// Takes other coded bytes for the last chunk; index and seal follow.
    pub fn code_zeros(&mut self, coded: &[u8]) {
        self.stream.truncate(100_000);
        self.stream.extend_from_slice(coded);
        self.index.set(row::HEAD, "stream", self.stream.len() as u64);
        self.index.set(row::THIRD, "stored", coded.len() as u64);
        let layout = StreamLayout { length: padding::padded(self.stream.len() as u64), pack: PACK };
        self.predicate.stream = layout;
        self.predicate.volumes[0].packs = vec![(0, layout.packs())];
    }

    /// Puts the bundle on a medium that holds no other; gives its digest.
    pub fn write(&self, medium: &Path) -> BundleId {
        let mut files = self.files();
        (self.on_files)(self, &mut files);
        let sums: String = files.iter().map(|(name, bytes)| format!("{}  {name}\n", MediumDigest::of(bytes))).collect();
        files.insert("SHA256SUMS.1".to_owned(), sums.into_bytes());
        let seal = (self.on_seal)(self.seal(&files));
        let name = format!("seal.json.{}.sig", self.signer.public().unwrap().fingerprint());
        files.insert(name, self.signer.sign(Namespace::Seal, seal.as_bytes()).unwrap().into_bytes());
        files.insert("seal.json".to_owned(), seal.clone().into_bytes());

        let top = medium.join("gapvault");
        let _ = std::fs::remove_dir_all(&top);
        for (name, bytes) in &files {
            let path = top.join(&self.label).join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        BundleId::of(seal.as_bytes())
    }

    fn files(&self) -> Files {
        let own = [self.keys.identity.recipient()];
        let mut stream = self.stream.clone();
        stream.resize(padding::padded(stream.len() as u64) as usize, 0);
        let packs = stream.chunks(PACK as usize).enumerate();
        let mut files: Files = packs.map(|(n, plain)| (pack_name(n), seal_to(&own, plain))).collect();
        files.insert("catalogue.age".to_owned(), seal_to(&own, &self.catalogue.compressed()));
        files.insert("index.age".to_owned(), seal_to(&own, &self.index.compressed()));
        files
            .insert("keys.age".to_owned(), seal_to(&self.members, (self.on_keys)(&self.keys.expose_text()).as_bytes()));
        files.insert("RECOVER.txt".to_owned(), b"no help\n".to_vec());
        files
    }

    fn seal(&self, files: &Files) -> String {
        let subject = |(name, bytes): (&String, &Vec<u8>)| {
            let (digest, size) = (MediumDigest::of(bytes), bytes.len());
            format!(r#"{{"name":"{name}","digest":{{"sha256":"{digest}"}},"annotations":{{"size":{size}}}}}"#)
        };
        let subjects: Vec<_> = files.iter().map(subject).collect();
        let mut predicate = serde_json::to_value(&self.predicate).unwrap();
        (self.on_predicate)(&mut predicate);
        format!(
            "{{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[\n{}\n],\"predicateType\":\"gapvault:seal:v1\",\n\"predicate\":{predicate}}}\n",
            subjects.join(",\n")
        )
    }
}

/// The lab's own key for tent `aurora`, which its first export makes.
fn tent_key(gap: &Gap) -> TentKey {
    let path = gap.lab.vault.join("secrets/tents/aurora.key");
    if !path.exists() {
        let source = gap.path("first");
        std::fs::write(&source, "first").unwrap();
        gap.export(&source, "first:v1", &[]).expect(0);
    }
    TentKey::from_hex(std::fs::read_to_string(path).unwrap().trim()).unwrap()
}

fn now() -> Time {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Time::from_unix(seconds as i64).unwrap()
}

fn honest_catalogue(head: catalogue::Head, artifact: &str) -> Table {
    use catalogue::{File, Folder, Link, Record};
    let file = |path: &str, bytes: &[u8]| {
        let (path, size, sha256) = (rel_path(path), bytes.len() as u64, FileDigest::of(bytes));
        Record::File(File { path, mode: 0o644, size, sha256 })
    };
    let a = noise(7, 100_000);
    let (host, tool) = ("lab".to_owned(), "forge".to_owned());
    let provenance = Provenance { host, tool, licence: None, parents: Vec::new(), notes: Vec::new() };
    let end = Record::End(head.totals);
    Table::of(&[
        Record::Head(head),
        Record::Artifact(Artifact { artifact: artifact.parse().unwrap(), provenance }),
        Record::Folder(Folder { path: rel_path("dir"), mode: 0o755 }),
        file("dir/a.bin", &a),
        file("dir/b.bin", &a[60_000..]),
        Record::Link(Link { path: rel_path("latest"), target: "dir/a.bin".to_owned() }),
        file("zeros", &[0; 500_000]),
        end,
    ])
}

fn honest_index(keys: &Keys) -> (Table, Vec<u8>) {
    use index::{End, Head, Record};
    let (a, zeros) = (noise(7, 100_000), vec![0; 500_000]);
    let mut coded = Vec::new();
    assert_eq!(Coder::new().unwrap().encode(&zeros, &mut coded).unwrap(), Coding::Zstd);
    let mut stream = a.clone();
    stream.extend_from_slice(&coded);
    let chunk = |plain: &[u8], offset: u64, stored: usize, coding| {
        let (id, stored, length) = (keys.tent_key.chunk_id(plain), stored as u32, plain.len() as u32);
        Record::Chunk(Chunk { id, offset, stored, length, coding })
    };
    let recipe = |file, first, count| Record::Recipe(Recipe { file, runs: vec![Run { first, count }], more: false });
    let head = Head { format: FORMAT, nonce: keys.nonce, stream: stream.len() as u64, chunks: 3, files: 3 };
    let table = Table::of(&[
        Record::Head(head),
        chunk(&a[..60_000], 0, 60_000, Coding::Store),
        chunk(&a[60_000..], 60_000, 40_000, Coding::Store),
        chunk(&zeros, 100_000, coded.len(), Coding::Zstd),
        recipe(0, 0, 2),
        recipe(1, 1, 1),
        recipe(2, 2, 1),
        Record::End(End { chunks: 3, files: 3 }),
    ]);
    (table, stream)
}

fn rel_path(text: &str) -> RelPath {
    RelPath::new(text).unwrap()
}

/// The name of a pack.
pub fn pack_name(number: usize) -> String {
    format!("packs/{:04}/{number:06}.age", number / 1000)
}

/// An age file.
pub fn seal_to(recipients: &[Recipient], plain: &[u8]) -> Vec<u8> {
    let mut out = SealWriter::new(Vec::new(), recipients).unwrap();
    out.write_all(plain).unwrap();
    out.finish().unwrap()
}

/// What follows the header of an age file: the line that begins with `---` ends it.
pub fn split_header(age: &[u8]) -> (&[u8], &[u8]) {
    let mac = age.windows(5).position(|w| w == b"\n--- ").unwrap() + 1;
    let end = mac + age[mac..].iter().position(|b| *b == b'\n').unwrap() + 1;
    age.split_at(end)
}

/// Where the bundle with this label stands on a medium.
pub fn folder(medium: &Path, label: &str) -> PathBuf {
    medium.join("gapvault").join(label)
}
