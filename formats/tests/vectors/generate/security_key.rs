//! Vectors of what security keys make: SPEC 4.2, 4.3.

use super::Kind;
use super::sshsig::{Blob, base64};
use crate::authenticator::{Authenticator, string};
use crate::fixtures;
use gapvault_formats::sshsig::Namespace;

const NAMESPACE: Namespace = Namespace::Seal;
const TOUCHED: u8 = 1;
const VERIFIED: u8 = 4;

/// By `ssh-keygen` with OpenSSH's own security key in software: touched.
const P256: &str = "-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAAH8AAAAic2stZWNkc2Etc2hhMi1uaXN0cDI1NkBvcGVuc3NoLmNvbQ
AAAAhuaXN0cDI1NgAAAEEEgdwce9cJdXDRY/PXfwMwQSNBGZjLR62OhEZOXtcplyIZt2af
VU57Lw9mik6soyhCJIs4Us0mrrlNhnmISZ7nPgAAAARzc2g6AAAADXNlYWxAZ2FwdmF1bH
QAAAAAAAAABnNoYTUxMgAAAHgAAAAic2stZWNkc2Etc2hhMi1uaXN0cDI1NkBvcGVuc3No
LmNvbQAAAEkAAAAgHHf0RKQdhKuFjjZbQjpUgsDCOdR0hvaccDe8Dq4+g9YAAAAhAMnz3j
15nShVyWcGdsPYccEwOfScVFO4Nr9DvafXKvr0ARI0Vng=
-----END SSH SIGNATURE-----
";
/// By the same: touched, and a PIN was given.
const ED25519: &str = "-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAAEoAAAAac2stc3NoLWVkMjU1MTlAb3BlbnNzaC5jb20AAAAg90TtUH
Alm41URPhqtIAfCY7/F1iIqa7KirZydw81fqQAAAAEc3NoOgAAAA1zZWFsQGdhcHZhdWx0
AAAAAAAAAAZzaGE1MTIAAABnAAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAQI
Sos16pAdiHvOcQMG3z8chdes+6mIVdyTP6HQzcHp3GiyPnH8V9oFFzmT9MlRDsaUj29J9g
wN40P7sdRz1zcgQFEjRWeA==
-----END SSH SIGNATURE-----
";

/// Signatures over the same bytes as the others, as a seal.
pub(super) fn signatures(kind: &mut Kind) {
    kind.valid("sk_p256_of_ssh_keygen", P256);
    kind.valid("sk_ed25519_of_ssh_keygen_verified", ED25519);
    for (name, text) in [("p256", fixtures::P256), ("ed25519", fixtures::ED25519)] {
        let key = Authenticator::new(text);
        let public = key.public();
        let made = |flags| key.sign(NAMESPACE.as_str(), fixtures::SIGNED, flags);
        let sig = |made: &[u8]| Blob::of(&public, made).armoured();
        for (claim, flags) in [("touched", TOUCHED), ("verified", TOUCHED | VERIFIED), ("backed_up", TOUCHED | 0x18)] {
            kind.valid(&format!("sk_{name}_{claim}"), sig(&made(flags)));
        }
        for (claim, flags) in [
            ("not_touched", 0),
            ("verified_and_not_touched", VERIFIED),
            ("attested_data", TOUCHED | 0x40),
            ("extensions", TOUCHED | 0x80),
        ] {
            kind.invalid(&format!("sk_{name}_{claim}"), sig(&made(flags)));
        }
        let (good, untouched) = (made(TOUCHED), made(0));
        let mut said = untouched.clone();
        let flags = said.len() - 5;
        said[flags] = TOUCHED;
        kind.invalid(&format!("sk_{name}_touched_said_of_not_touched"), sig(&said));
        let mut counted = good.clone();
        *counted.last_mut().unwrap() ^= 1;
        kind.invalid(&format!("sk_{name}_other_count"), sig(&counted));
        kind.invalid(&format!("sk_{name}_without_a_count"), sig(&good[..good.len() - 4]));
        kind.invalid(&format!("sk_{name}_bytes_behind_the_count"), sig(&[good.as_slice(), b"\0"].concat()));
        let elsewhere = Authenticator::new(text).of("ssh:elsewhere");
        let strange = elsewhere.sign(NAMESPACE.as_str(), fixtures::SIGNED, TOUCHED);
        kind.invalid(&format!("sk_{name}_for_another_application"), sig(&strange));
        kind.invalid(
            &format!("sk_{name}_key_of_another_application"),
            Blob::of(&elsewhere.public(), &strange).armoured(),
        );
    }
    let key = Authenticator::new(fixtures::P256);
    let made = key.sign_for_a_page(NAMESPACE.as_str(), fixtures::SIGNED, TOUCHED);
    kind.invalid("sk_p256_of_a_web_browser", Blob::of(&key.public(), &made).armoured());
}

/// Public keys as text.
pub(super) fn public_keys(kind: &mut Kind) {
    kind.valid("sk_p256_of_ssh_keygen", fixtures::SK_P256);
    kind.valid("sk_ed25519_of_ssh_keygen", fixtures::SK_ED25519);
    let application = |name: &str| Authenticator::new(fixtures::ED25519).of(name).public();
    let text = |wire: &[u8]| format!("sk-ssh-ed25519@openssh.com {}", base64(wire));
    kind.valid("sk_of_256_bytes_of_application", text(&application(&format!("ssh:{}", "a".repeat(252)))));
    kind.invalid("sk_of_257_bytes_of_application", text(&application(&format!("ssh:{}", "a".repeat(253)))));
    kind.invalid("sk_without_an_application", text(&application("")));
    kind.invalid("sk_application_with_a_space", text(&application("ssh: lab")));
    kind.invalid("sk_application_with_a_nul", text(&application("ssh:\0")));
    kind.invalid("sk_application_beyond_ascii", text(&application("ssh:é")));
    let good = application("ssh:");
    kind.invalid("sk_application_missing", text(&good[..good.len() - 8]));
    kind.invalid("sk_bytes_behind", text(&[good.as_slice(), b"\0\0\0"].concat()));
    kind.invalid("sk_said_of_another_type", format!("ssh-ed25519 {}", base64(&good)));
    // The identity point, of which no private key exists.
    let low = [string("sk-ssh-ed25519@openssh.com"), string([&[1][..], &[0; 31]].concat()), string("ssh:")].concat();
    kind.invalid("sk_ed25519_of_low_order", text(&low));
    let low = [string("ssh-ed25519"), string([&[1][..], &[0; 31]].concat())].concat();
    kind.invalid("ed25519_of_low_order", format!("ssh-ed25519 {}", base64(&low)));
    mixed(kind, &good);
    points(kind);
}

/// A good key's point and the one of order two together: it verifies some signatures of the good key's private half.
fn mixed(kind: &mut Kind, good: &[u8]) {
    let at = good.len() - 8 - 32;
    let y: [u8; 32] = good[at..at + 32].try_into().unwrap();
    // (x, y) + (0, -1) = (-x, -y), modulo 2^255 - 19, of which the lowest byte is ed and the highest 7f.
    let (mut sum, mut borrow) = ([0; 32], 0);
    for (n, byte) in sum.iter_mut().enumerate() {
        let modulus: i32 = [0xed, 0xff, 0x7f][usize::from(n > 0) + usize::from(n == 31)];
        let digit = if n == 31 { y[n] & 0x7f } else { y[n] };
        let difference = modulus - i32::from(digit) - borrow;
        borrow = i32::from(difference < 0);
        *byte = difference.rem_euclid(256) as u8;
    }
    sum[31] |= !y[31] & 0x80;
    let key = |name: &str| [string(name), string(sum)].concat();
    kind.invalid("ed25519_with_a_part_of_low_order", format!("ssh-ed25519 {}", base64(&key("ssh-ed25519"))));
    let name = "sk-ssh-ed25519@openssh.com";
    kind.invalid(
        "sk_ed25519_with_a_part_of_low_order",
        format!("{name} {}", base64(&[key(name), string("ssh:")].concat())),
    );
}

/// P-256 keys that are none: SPEC 4.3 takes uncompressed points of the curve only.
fn points(kind: &mut Kind) {
    let good = Authenticator::new(fixtures::P256).public();
    let point = good.len() - 8 - 65;
    let mut beside = good.clone();
    beside[point + 64] ^= 1;
    let sk = "sk-ecdsa-sha2-nistp256@openssh.com";
    kind.invalid("sk_p256_off_the_curve", format!("{sk} {}", base64(&beside)));
    let key = |name: &str, curve: &str, point: &[u8]| {
        format!("{name} {}", base64(&[string(name), string(curve), string(point)].concat()))
    };
    let (p256, whole) = ("ecdsa-sha2-nistp256", &good[point..point + 65]);
    let compressed = [&[2 | whole[64] & 1], &whole[1..33]].concat();
    kind.invalid("p256_off_the_curve", key(p256, "nistp256", &beside[point..point + 65]));
    kind.invalid("p256_compressed", key(p256, "nistp256", &compressed));
    kind.invalid("p256_at_infinity", key(p256, "nistp256", &[0]));
    kind.invalid("p256_of_another_curve", key(p256, "nistp384", whole));
    kind.invalid("p256_certificate", key("ecdsa-sha2-nistp256-cert-v01@openssh.com", "nistp256", whole));
    kind.invalid("rsa", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQM=");
    kind.invalid("dsa", "ssh-dss AAAAB3NzaC1kc3MAAAABAwAAAAEDAAAAAQMAAAABAw==");
}
