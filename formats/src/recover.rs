//! `RECOVER.txt`: how to check a bundle and open it without gapvault. It stands on every medium, named in the seal, and
//! says nothing of what is on which volume: the first is written before the last is known.

use crate::agefile::Suite;
use crate::ids::KeyFingerprint;
use crate::names::Label;

/// The text for one bundle with the given label, exporter's key and suite.
#[must_use]
pub fn text(label: &Label, exporter: &KeyFingerprint, suite: Suite) -> String {
    let (age, note, secret) = match suite {
        Suite::X25519 => ("1.0", "", "secrets/age.key"),
        Suite::PostQuantum => (
            "1.3",
            "Its files are sealed to post-quantum keys (the seal's suite is age-pq), which no older age knows.\n",
            "secrets/age-pq.key",
        ),
    };
    format!(
        "\
This folder holds a gapvault bundle, label {label}, or one volume of it. It can be checked and opened with stock tools
alone: ssh-keygen (OpenSSH 8.1 or later), sha256sum, age ({age} or later), zstd. Run the indented lines in this folder.
{note}Each of them exits with 0, or something is wrong.

Of several volumes, first bring all into one folder elsewhere: for each medium, cp -rn MEDIUM/gapvault/{label}/. FOLDER/
The seal (seal.json) is on all media that were written together; of media that were swapped, the last one has it. Near
its end it says under \"volumes\" which packs each volume has, by their numbers.

To check it, have a file `allowed_signers` of your own (never one that came with this medium), with a line for the
exporter's key, which you compared with its owner:
    exporter namespaces=\"seal@gapvault\" ecdsa-sha2-nistp256 AAAA...

1. The signature over the seal. The file's name has the SHA-256 of the exporter's public key.
    ssh-keygen -Y verify -f \"$HOME/allowed_signers\" -I exporter -n seal@gapvault -s seal.json.{exporter}.sig < seal.json

2. The seal over the lists of digests (one for each volume that is here), and the lists over the files.
    (set -e; for list in SHA256SUMS.*; do grep -qF \"\\\"$list\\\",\\\"digest\\\":{{\\\"sha256\\\":\\\"$(sha256sum < \"$list\" | cut -c1-64)\\\"}}\" seal.json; sha256sum --strict -c \"$list\"; done)

If it finds a file damaged or missing that another volume has too, take that copy. Packs (packs/) stand on one volume
only. Where there are parity packs (parity/), damaged and missing packs can be made anew: gapvault does it when it
imports; without it the script recover.py does, below; SPEC.md says how in 5.6. What was mended must again have the digest
in the seal.

To open it, have the age identity of a member in a file `member.key` (of a gapvault vault: its file {secret}).
Results go to an empty folder `$HOME/opened`.

3. The bundle's own identity, then the tables. Both are CBOR sequences (RFC 8742).
    age -d -i \"$HOME/member.key\" keys.age > \"$HOME/opened/bundle.key\"
    age -d -i \"$HOME/opened/bundle.key\" catalogue.age | zstd -d > \"$HOME/opened/catalogue.cbor\"
    age -d -i \"$HOME/opened/bundle.key\" index.age | zstd -d > \"$HOME/opened/index.cbor\"

4. The stream: the packs, all of them, opened and joined in the order of their numbers.
    (for pack in packs/*/*.age; do age -d -i \"$HOME/opened/bundle.key\" \"$pack\" || exit 1; done) > \"$HOME/opened/stream\"

5. The files: index.cbor says where each chunk of a file stands in the stream (offset, stored bytes, coding `store`,
   `zstd` or `planes`); joined in the order of the file's recipe they are the file, whose SHA-256 catalogue.cbor gives.
   The script recover.py of gapvault, with parity.py beside it, mends packs and does steps 3 to 5 for you; the
   specification (SPEC.md) says every byte.
"
    )
}
