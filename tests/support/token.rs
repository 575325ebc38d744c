//! A PKCS #11 token, which is what a PIV card is to OpenSSH: in software, of the package softhsm2.

use super::run;
use super::ssh::{Agent, asked, askpass};
use super::tools::{have, skip, tool};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where packages put the library that plays a token.
const MODULES: [&str; 3] =
    ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/pkcs11/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so"];
const PIN: &str = "123456";

/// A token with a PIN.
pub struct Token {
    folder: PathBuf,
    module: &'static str,
}

impl Token {
    /// An empty one in `folder`; says aloud that a claim is not tried where there is none.
    pub fn new(folder: &Path, claim: &str) -> Option<Self> {
        let module = MODULES.into_iter().find(|module| Path::new(module).is_file());
        let Some(module) = module.filter(|_| have("softhsm2-util")) else {
            skip(claim, "no token in software is here (package softhsm2; scripts/test installs it for root)");
            return None;
        };
        let token = Self { folder: folder.to_owned(), module };
        std::fs::create_dir(folder.join("tokens")).unwrap();
        let conf = format!("directories.tokendir = {}\nobjectstore.backend = file\n", folder.join("tokens").display());
        std::fs::write(token.conf(), conf).unwrap();
        run(token.util().args(["--init-token", "--free", "--label", "card", "--pin", PIN, "--so-pin", "12345678"]))
            .expect(0);
        Some(token)
    }

    fn conf(&self) -> PathBuf {
        self.folder.join("softhsm.conf")
    }

    fn util(&self) -> Command {
        let mut util = tool("softhsm2-util");
        util.env("SOFTHSM2_CONF", self.conf());
        util
    }

    /// Moves a private key, in PKCS #8, onto the token.
    pub fn take(&self, private: &Path) {
        let import = ["--token", "card", "--label", "signing", "--id", "01", "--pin", PIN, "--import"];
        run(self.util().args(import).arg(private)).expect(0);
        std::fs::remove_file(private).unwrap();
    }

    /// An ssh-agent that signs with what is on it, once it was told the PIN.
    pub fn agent(&self) -> Agent {
        let agent = Agent::start_with(&self.folder, &[("SOFTHSM2_CONF", &self.conf())]);
        let ask = askpass(&self.folder, "ask-pin", PIN);
        agent.add_token(self.module, &ask);
        assert_eq!(asked(&ask), 1);
        agent
    }
}
