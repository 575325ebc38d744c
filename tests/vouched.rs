//! Catalogues for auditors who came after their bundles: what a site vouches for, and what nobody should believe.

use crate::rekey_identity::export;
use crate::support::kill::copy_tree;
use crate::support::policy::digest;
use crate::support::untouched::promptly;
use crate::support::{Gap, Run, Site, run, set_mode, snapshot};
use gapvault_formats::ids::BundleId;
use gapvault_formats::sshsig::{Namespace, SigningKey};
use std::fs;
use std::path::{Path, PathBuf};

/// An auditor who came when two bundles were in.
struct Late {
    gap: Gap,
    audit: Site,
    /// Where the catalogues are carried.
    to: PathBuf,
}

impl Late {
    fn new() -> Self {
        let gap = Gap::new();
        for name in ["model:v1", "model:v2"] {
            export(&gap, name, &["--note", "run=7"]);
            gap.import().expect(0);
        }
        let audit = Site::new(gap.room.path(), "audit");
        gap.cluster.trust(&audit, "auditor");
        audit.trust(&gap.lab, "exporter");
        audit.trust(&gap.cluster, "member");
        let to = gap.path("for-auditors");
        let late = Self { gap, audit, to };
        late.write();
        late
    }

    fn write(&self) -> Run {
        run(self.gap.cluster.command(["rekey", "--wraps", "--to"]).arg(&self.to)).expect(0)
    }

    fn show(&self, folder: &Path) -> Run {
        promptly(self.audit.command(["show"]).arg(folder))
    }

    fn folders(&self) -> Vec<PathBuf> {
        let mut folders: Vec<_> = fs::read_dir(&self.to).unwrap().map(|entry| entry.unwrap().path()).collect();
        folders.sort();
        folders
    }

    #[track_caller]
    fn refused(&self, what: &str, folder: &Path, code: i32, text: &str) {
        let before = snapshot(self.gap.room.path());
        let shown = self.show(folder);
        assert_eq!(shown.code, code, "{what}: {shown:#?}");
        assert!(shown.err.contains(text) && shown.err.contains("\nhint: "), "{what}: no {text:?} in {shown:#?}");
        assert!(!shown.out.contains("config.json"), "{what}: {shown:#?}");
        assert!(snapshot(self.gap.room.path()) == before, "{what}");
    }
}

#[test]
fn a_late_auditor_reads_what_a_site_vouches_for() {
    let late = Late::new();
    let told = late.write().out;
    assert!(
        told.contains("2 catalogues for auditors in ") && told.contains("`gapvault show DIR` reads them"),
        "{told}"
    );
    let folders = late.folders();
    assert_eq!(folders.len(), 2);
    for folder in &folders {
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["SHA256SUMS", "SHA256SUMS.sig", "catalogue.age", "seal.json"], "no keys, nothing half-made");
        let id = BundleId::of(&fs::read(folder.join("seal.json")).unwrap()).to_string();
        assert_eq!(folder.file_name().unwrap().to_str().unwrap(), id);
    }
    let all = late.show(&late.to).expect(0).out;
    for text in ["model:v1", "model:v2", "config.json", "run=7", "vouched  for by site cluster-b", "exported by lab"] {
        assert!(all.contains(text), "no {text:?} in {all}");
    }
    let one = run(late.audit.command(["show", "--json"]).arg(&folders[0])).expect(0).json();
    let result = &one["bundles"][0];
    assert_eq!((&result["vouched_by"], &result["exporter"]), (&"cluster-b".into(), &"lab".into()), "{one:#}");
    assert_eq!(result["catalogue"]["content_readable"], false);
    // The very vault that wrote them judges by its own policy, too.
    run(late.gap.cluster.command(["show"]).arg(&late.to))
        .refused(4, "is for no tent that cluster-b is member or auditor of");
    // A later auditor is sealed to beside him, in the same folders.
    let other = Site::new(late.gap.room.path(), "other");
    late.gap.cluster.trust(&other, "auditor");
    late.write();
    assert_eq!(late.folders(), folders);
    other.trust(&late.gap.lab, "exporter");
    other.trust(&late.gap.cluster, "member");
    assert!(run(other.command(["show"]).arg(&late.to)).expect(0).out.contains("model:v2"));
    late.show(&late.to).expect(0);
}

#[test]
fn who_is_not_known_vouches_for_nothing() {
    let late = Late::new();
    let folder = &late.folders()[0];
    let nobody = Site::new(late.gap.room.path(), "nobody");
    run(nobody.command(["show"]).arg(folder)).refused(4, "which is on the card of no site of this policy");
    nobody.trust(&late.gap.cluster, "member");
    run(nobody.command(["show"]).arg(folder)).refused(4, "which the policy gives to nobody");
    nobody.trust(&late.gap.lab, "exporter");
    run(nobody.command(["show"]).arg(folder)).refused(4, "catalogue.age: not sealed to this key");

    late.audit.run(["untrust", "cluster-b", "--tent", "aurora", "--role", "member"]).expect(0);
    late.refused("a site of no tent", folder, 4, "is for no tent that cluster-b is member or auditor of");
    late.audit.trust(&late.gap.cluster, "member");
    late.show(folder).expect(0);
    late.audit.run(["revoke", "cluster-b"]).expect(0);
    late.refused("a revoked key", folder, 4, "which the policy revokes");
}

#[test]
fn nothing_else_is_written_over() {
    let late = Late::new();
    let vault = &late.gap.cluster.vault;
    let link = late.gap.path("link");
    std::os::unix::fs::symlink(vault.join("bundles"), &link).unwrap();
    let before = snapshot(vault);
    for to in [vault.join("bundles"), vault.join("wraps"), vault.join("new/deep"), late.audit.vault.clone(), link] {
        let refused = run(late.gap.cluster.command(["rekey", "--wraps", "--to"]).arg(&to));
        refused.refused(2, "is in a vault");
    }
    assert!(snapshot(vault) == before);
    let name = late.folders()[0].file_name().unwrap().to_owned();
    let own = late.gap.path("own");
    fs::create_dir_all(own.join(&name)).unwrap();
    fs::write(own.join(&name).join("notes.txt"), "mine").unwrap();
    run(late.gap.cluster.command(["rekey", "--wraps", "--to"]).arg(&own)).refused(2, "is there already");
    assert_eq!(fs::read(own.join(&name).join("notes.txt")).unwrap(), b"mine");
    fs::remove_dir_all(own.join(&name)).unwrap();
    fs::write(own.join(&name), "a file").unwrap();
    run(late.gap.cluster.command(["rekey", "--wraps", "--to"]).arg(&own)).refused(2, "is there already");
    assert_eq!(fs::read(own.join(&name)).unwrap(), b"a file");
    // Only with what it belongs to.
    for more in ["--identity", "--forget-old"] {
        let refused = run(late.gap.cluster.command(["rekey", more, "--to"]).arg(&own));
        refused.refused(2, "cannot be used with");
    }
}

#[test]
fn beside_bundles_it_hides_none() {
    let late = Late::new();
    fs::create_dir_all(late.gap.stick.join("gapvault")).unwrap();
    let folder = &late.folders()[0];
    export(&late.gap, "model:v3", &[]);
    copy_tree(folder, &late.gap.stick.join(folder.file_name().unwrap()));
    fs::write(late.gap.stick.join("seal.json"), "").unwrap();
    fs::write(late.gap.stick.join("SHA256SUMS"), "").unwrap();
    let shown = late.show(&late.gap.stick);
    assert!(shown.out.contains("trusted  signed by lab") && !shown.out.contains("vouched"), "{shown:#?}");
}

#[test]
fn what_became_of_the_exporter_is_told() {
    let late = Late::new();
    let folder = &late.folders()[0];
    assert!(!late.show(folder).expect(0).out.contains("NOT TRUSTED"));
    late.audit.run(["untrust", "lab", "--tent", "aurora", "--role", "exporter"]).expect(0);
    let shown = late.show(folder).expect(0).out;
    assert!(shown.contains("NOT TRUSTED NOW: lab is no exporter of tent aurora"), "{shown}");
    late.audit.run(["revoke", "lab"]).expect(0);
    let shown = late.show(folder).expect(0).out;
    assert!(shown.contains("NOT TRUSTED NOW: the policy revokes the key of lab that sealed it"), "{shown}");
}

#[test]
fn what_was_altered_is_refused() {
    let late = Late::new();
    let [first, second] = <[PathBuf; 2]>::try_from(late.folders()).unwrap();
    let at = |name: &str| (first.join(name), second.join(name));
    let read = |path: &Path| fs::read(path).unwrap();
    type Change<'a> = &'a dyn Fn();
    let flip = |name: &str| {
        let (path, _) = at(name);
        let mut bytes = read(&path);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    let swap = |name: &str| {
        let (path, other) = at(name);
        fs::copy(other, path).unwrap();
    };
    let resign = |text: &str, key: &SigningKey| {
        fs::write(at("SHA256SUMS").0, text).unwrap();
        fs::write(at("SHA256SUMS.sig").0, key.sign(Namespace::Wrap, text.as_bytes()).unwrap()).unwrap();
    };
    let list = || String::from_utf8(read(&at("SHA256SUMS").0)).unwrap();
    let stranger = SigningKey::generate().unwrap();
    let cases: [(&str, Change<'_>, i32, &str); 10] = [
        ("a byte of the catalogue", &|| flip("catalogue.age"), 3, ""),
        ("a byte of the seal", &|| flip("seal.json"), 3, "a list of the wraps of bundle"),
        ("a byte of the list", &|| flip("SHA256SUMS"), 3, "does not fit the signed bytes"),
        ("a byte of the signature", &|| flip("SHA256SUMS.sig"), 3, ""),
        ("the other catalogue", &|| swap("catalogue.age"), 3, "has SHA-256"),
        ("the other seal", &|| swap("seal.json"), 3, "a list of the wraps of bundle"),
        ("the other list", &|| swap("SHA256SUMS"), 3, "does not fit the signed bytes"),
        ("a stranger's signature", &|| resign(&list(), &stranger), 4, "on the card of no site"),
        (
            "the other catalogue, vouched for",
            &|| {
                let sealed = digest(&at("catalogue.age").0);
                swap("catalogue.age");
                let text = list().replace(&sealed, &digest(&at("catalogue.age").0));
                resign(&text, &late.gap.cluster.signing_key());
            },
            3,
            "nonce",
        ),
        ("no catalogue", &|| fs::remove_file(at("catalogue.age").0).unwrap(), 3, "is missing or no regular file"),
    ];
    for (what, change, code, text) in cases {
        late.show(&first).expect(0);
        change();
        late.refused(what, &first, code, text);
        late.write();
    }
    // A link and a fifo are no files.
    let (path, _) = at("catalogue.age");
    let aside = late.gap.path("aside");
    fs::rename(&path, &aside).unwrap();
    std::os::unix::fs::symlink(&aside, &path).unwrap();
    late.refused("a link", &first, 3, "no regular file");
    fs::remove_file(&path).unwrap();
    run(std::process::Command::new("mkfifo").arg(&path)).expect(0);
    set_mode(&path, 0o600);
    let shown = late.show(&first);
    assert_eq!(shown.code, 3, "{shown:#?}");
}
