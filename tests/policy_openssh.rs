//! What `policy export-ssh` writes, read by stock OpenSSH.

use crate::support::tools::tool;
use crate::support::{Gap, Run, run};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Asks ssh-keygen whether `signature` over `message` is one of `person` in `namespace`.
fn verify(keys: &Path, person: &str, namespace: &str, message: &Path, signature: &Path) -> Run {
    let mut command = tool("ssh-keygen");
    command.args(["-Y", "verify", "-I", person, "-n", namespace, "-f"]).arg(keys.join("allowed_signers"));
    command.arg("-r").arg(keys.join("revoked_keys")).arg("-s").arg(signature);
    run(command.stdin(File::open(message).unwrap()))
}

fn export_ssh(gap: &Gap, name: &str) -> PathBuf {
    let keys = gap.path(name);
    run(gap.cluster.command(["policy", "export-ssh"]).arg(&keys)).expect(0);
    keys
}

#[test]
fn ssh_keygen_verifies_what_the_policy_allows() {
    let gap = Gap::new();
    let bundle = gap.export_sample();
    gap.cluster.trust(&gap.cluster, "member");
    gap.cluster.trust_card(&gap.lab, &["--site", "cluster-b"]).expect(0);
    gap.cluster.trust_card(&gap.lab, &["--tent", "aurora", "--role", "approver"]).expect(0);
    let keys = export_ssh(&gap, "keys");
    let allowed = fs::read_to_string(keys.join("allowed_signers")).unwrap();
    let line = |person: &str| allowed.lines().find(|line| line.starts_with(&format!("{person} "))).unwrap();
    assert!(
        line("lab").starts_with("lab namespaces=\"seal@gapvault,approve@gapvault\" ecdsa-sha2-nistp256 "),
        "{allowed}"
    );
    assert!(line("cluster-b").starts_with("cluster-b namespaces=\"policy@gapvault\" ecdsa-"), "{allowed}");
    let head = "# Of a gapvault policy, epoch 5.\n";
    assert!(allowed.starts_with(head) && allowed.lines().count() == 5, "{allowed}");
    let wraps = allowed.lines().filter(|line| line.contains("namespaces=\"wrap@gapvault\""));
    assert_eq!(wraps.map(|line| line.split(' ').next().unwrap()).collect::<Vec<_>>(), ["cluster-b", "lab"]);
    assert_eq!(fs::read_to_string(keys.join("revoked_keys")).unwrap(), head);

    let seal = bundle.join("seal.json");
    let of_lab = gap.lab.policy_signature(&seal);
    let good = verify(&keys, "lab", "seal@gapvault", &seal, &of_lab).expect(0);
    assert!(good.out.contains("Good \"seal@gapvault\" signature for lab"), "{good:#?}");
    let policy = gap.cluster.vault.join("policy/000002.toml");
    let of_cluster = gap.cluster.policy_signature(&policy);
    verify(&keys, "cluster-b", "policy@gapvault", &policy, &of_cluster).expect(0);
    for (person, namespace, message, signature) in [
        ("cluster-b", "seal@gapvault", &seal, &of_lab),
        ("lab", "approve@gapvault", &seal, &of_lab),
        ("lab", "policy@gapvault", &policy, &of_cluster),
        ("lab", "seal@gapvault", &policy, &of_lab),
    ] {
        assert_ne!(verify(&keys, person, namespace, message, signature).code, 0, "{person} {namespace}");
    }

    // Revoked, its signatures count no more, whatever they were good for.
    gap.cluster.run(["revoke", "lab", "--reason", "laptop stolen"]).expect(0);
    let keys = export_ssh(&gap, "keys");
    assert_ne!(verify(&keys, "lab", "seal@gapvault", &seal, &of_lab).code, 0);
    verify(&keys, "cluster-b", "policy@gapvault", &policy, &of_cluster).expect(0);
    fs::write(keys.join("revoked_keys"), "").unwrap();
    verify(&keys, "lab", "seal@gapvault", &seal, &of_lab).expect(0);
}

#[test]
fn nobody_s_own_files_are_replaced() {
    let gap = Gap::new();
    let keys = gap.path("ssh");
    fs::create_dir(&keys).unwrap();
    for name in ["allowed_signers", "revoked_keys"] {
        let (own, other) = (keys.join(name), keys.join("keep"));
        for text in ["", "# mine\n", "ana@example.org ssh-ed25519 AAAA\n"] {
            fs::write(&own, text).unwrap();
            let told = run(gap.cluster.command(["policy", "export-ssh"]).arg(&keys));
            told.refused(2, "is there already, and is none of a policy's");
            assert_eq!(fs::read_to_string(&own).unwrap(), text);
            assert_eq!(fs::read_dir(&keys).unwrap().count(), 1, "nothing else was written");
        }
        fs::rename(&own, &other).unwrap();
        fs::remove_file(other).unwrap();
    }
    export_ssh(&gap, "ssh");
    export_ssh(&gap, "ssh");
}

#[test]
fn a_folder_that_can_t_be_written_is_told() {
    let gap = Gap::new();
    let file = gap.path("file");
    fs::write(&file, "").unwrap();
    run(gap.cluster.command(["policy", "export-ssh"]).arg(file.join("keys"))).refused(1, "can't create folder");
}
