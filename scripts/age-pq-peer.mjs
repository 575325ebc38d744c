// Opens and seals age files with the package age-encryption; scripts/age-pq-peer runs it where that is.
//
// usage: age-pq-peer.mjs generate | recipient IDENTITY_FILE | open IDENTITY_FILE FILE | seal RECIPIENTS_FILE FILE

import { Decrypter, Encrypter, generateHybridIdentity, identityToRecipient } from "age-encryption";
import { readFileSync, writeSync } from "node:fs";

const [command, keys, file] = process.argv.slice(2);
const lines = () => readFileSync(keys, "utf8").trimEnd().split("\n");
const identity = () => lines().at(-1);

const commands = {
  generate: async () => `${await generateHybridIdentity()}\n`,
  recipient: async () => `${await identityToRecipient(identity())}\n`,
  open: async () => {
    const decrypter = new Decrypter();
    decrypter.addIdentity(identity());
    return decrypter.decrypt(readFileSync(file));
  },
  seal: async () => {
    const encrypter = new Encrypter();
    lines().forEach((recipient) => encrypter.addRecipient(recipient));
    return encrypter.encrypt(readFileSync(file));
  },
};

const out = Buffer.from(await commands[command]());
for (let at = 0; at < out.length; ) {
  at += writeSync(1, out, at);
}
