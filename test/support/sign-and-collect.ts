/** `node --expose-gc sign-and-collect.ts MODULE TOKEN PIN`: signs again and again, and has all that is unused collected in between. */
import { Token } from '#plant/signing/pkcs11/token.ts';

const [module = '', label = '', pin = ''] = process.argv.slice(2);
const token = Token.open({ module, token: label }, pin);
const id = Uint8Array.of(0x0c, 0x01);
const { spki } = token.generate('ecdsa-p256', id, 'collected');
for (let round = 0; round < 20; round += 1) {
  globalThis.gc?.();
  // What was found to be unused is let go of in a turn of its own.
  await new Promise((resolve) => setTimeout(resolve, 1));
  token.find(id);
  if (token.sign(id, spki, 'ecdsa-p256-sha256', new Uint8Array(32).fill(round)).length !== 64) process.exit(2);
}
process.stdout.write('signed\n');
