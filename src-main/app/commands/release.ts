import { Command } from 'commander';
import type { SignedBy } from '#shared/model/unit-record.ts';
import { claimedKeyId } from '#shared/release/release-signature.ts';
import { nodeFiles } from '../../release/files.ts';
import type { Flashpack } from '../../release/flashpack/open-flashpack.ts';
import { readTrust } from '../../release/flashpack/trust-file.ts';
import { judge, NO_TRUST, withKey } from '../../release/flashpack/trust-list.ts';
import { readPublicKey } from '../../release/flashpack/release-keys.ts';
import { openRelease } from '../../release/open-release.ts';
import { chipsOf } from '../compose-chips.ts';
import { homeFolder, realClock, realRandom } from '../compose-home.ts';
import { noSeal, stationKey } from '../compose-key.ts';
import { trustFileOf, trusting, withFlashpack } from '../compose-release.ts';
import { chipSources, type CliContext, command, type CommonOptions, type ExitCode, withExamples } from './command.ts';
import { buildCommand } from './release-build.ts';
import { trustCommand } from './release-trust.ts';

type End = (code: ExitCode) => void;

export function releaseCommand(context: CliContext, end: End): Command {
  const release = withExamples(new Command('release'), [
    'release build my-product --key release.pem --out my-product.flashpack',
    'release trust add release.pub.pem --name "Release 2027"',
    'release verify my-product.flashpack',
  ]);
  release.description('releases as one signed file: makes, checks and shows them; whose signatures count here');
  for (const make of [buildCommand, verifyCommand, showCommand, trustCommand, recipientCommand])
    release.addCommand(make(context, end));
  return release;
}

function verifyCommand(context: CliContext, end: End): Command {
  const about =
    'checks a .flashpack: every part by SHA-256, its signature by this station’s list, its images against the chip';
  return command('verify', about, ['release verify x.flashpack', 'release verify x.flashpack --key release.pub.pem'])
    .argument('<file>', 'a .flashpack')
    .option('--key <file>', 'the public key that must have signed it, instead of this station’s list')
    .action(async (file: string, options: CommonOptions & { readonly key?: string }) => {
      const { key } = options;
      const home = homeFolder(context.env);
      const by = key === undefined ? trusting(file, home) : await trustingOnly(key, file);
      await withFlashpack(file, { judge: by, home }, async (flashpack) => {
        await openRelease(flashpack.recipe, { chips: await chipsOf(chipSources(context)), files: flashpack.files });
        tell(file, flashpack, { type: 'release.verified', signedBy: flashpack.signedBy }, options, context);
        if (!options.json) context.print(signatureLine(flashpack.signedBy));
      });
      end(0);
    });
}

async function trustingOnly(keyFile: string, file: string): Promise<Parameters<typeof withFlashpack>[1]['judge']> {
  const publicKey = await readPublicKey(keyFile, nodeFiles);
  const at = new Date(realClock.now()).toISOString();
  const list = await withKey(NO_TRUST, { name: keyFile, publicKey, from: at, until: null, addedAt: at, addedBy: '' });
  return (signed) => judge(file, signed, list, new Date(realClock.now()));
}

function showCommand(context: CliContext, end: End): Command {
  const about = 'shows what is in a .flashpack, whoever signed it; proves its parts, not its signature';
  return command('show', about, ['release show x.flashpack', 'release show x.flashpack --json'])
    .argument('<file>', 'a .flashpack')
    .action(async (file: string, options: CommonOptions) => {
      const home = homeFolder(context.env);
      await withFlashpack(file, { judge: async () => 'unsigned', home }, async (flashpack) => {
        const signature = flashpack.pack.signed?.signature ?? null;
        const keyId = signature === null ? null : claimedKeyId(signature);
        tell(file, flashpack, { type: 'release', signature: keyId }, options, context);
        if (!options.json) context.print(claimLine(signature, keyId, context));
      });
      end(0);
    });
}

function recipientCommand(context: CliContext, end: End): Command {
  const about =
    'for whom packs are encrypted that only this station shall open (age1...); its key is made on first need';
  return command('recipient', about, ['release recipient']).action(async (options: CommonOptions) => {
    const { publicKey } = await stationKey(homeFolder(context.env), realRandom, noSeal).identity();
    context.print(options.json ? JSON.stringify({ type: 'release.recipient', recipient: publicKey }) : publicKey);
    end(0);
  });
}

function claimLine(signature: string | null, keyId: string | null, context: CliContext): string {
  if (signature === null) return signatureLine('unsigned');
  if (keyId === null) return '  a signature that says nothing of whose it is';
  const known = readTrust(trustFileOf(homeFolder(context.env))).keys.find((key) => key.keyId === keyId);
  const owner = known ? `, called ${known.name} here` : ', which this station does not know';
  return `  says that it is signed by key ${keyId}${owner}; "release verify" proves it`;
}

function signatureLine(signedBy: SignedBy): string {
  if (signedBy === 'unsigned') return '  not signed';
  return `  signed by ${signedBy.name}, key ${signedBy.keyId}`;
}

function tell(
  file: string,
  { pack }: Flashpack,
  facts: Readonly<Record<string, unknown>>,
  { json }: CommonOptions,
  context: CliContext,
): void {
  const { digest, recipe, images } = pack;
  if (json) {
    context.print(JSON.stringify({ ...facts, file, digest, product: recipe.product, chip: recipe.chip, images }));
    return;
  }
  const { id, revision, name } = recipe.product;
  context.print(`${file}: ${name} (${id} ${revision}) for ${recipe.chip} by ${recipe.interface}`);
  context.print(`  release ${digest}`);
  for (const image of images)
    context.print(`  ${image.role} ${image.version}: ${image.file}, ${image.size} bytes, sha256 ${image.sha256}`);
}
