import { rename, rm, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { toHex } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { nodeFiles } from '../../release/files.ts';
import { buildFlashpack } from '../../release/flashpack/build-flashpack.ts';
import { openFlashpack } from '../../release/flashpack/open-flashpack.ts';
import { readPrivateKey } from '../../release/flashpack/release-keys.ts';
import { sealPack } from '../../release/flashpack/sealing.ts';
import { openRelease } from '../../release/open-release.ts';
import { recipeFileOf } from '../../release/recipe-folder.ts';
import { chipsOf } from '../compose-chips.ts';
import { realRandom } from '../compose-home.ts';
import { chipSources, type CliContext, command, type CommonOptions, type ExitCode } from './command.ts';

interface BuildOptions extends CommonOptions {
  readonly out: string;
  readonly key?: string;
  readonly unsigned?: boolean;
  readonly recipient?: readonly string[];
}

export function buildCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  const about = 'makes one file of a recipe and its images, with the SHA-256 of each, and signs it';
  return command('build', about, [
    'release build my-product --key release.pem --out my-product.flashpack',
    'release build my-product --unsigned --out trial.flashpack',
    'release build my-product --key release.pem --recipient age1... --out line-3.flashpack',
  ])
    .argument('<path>', 'a folder with recipe.yaml, or that file')
    .requiredOption('--out <file>', 'the .flashpack to write')
    .option('--key <file>', 'the private key that signs: Ed25519 or ECDSA P-256, PEM (PKCS #8) or JWK')
    .option(
      '--recipient <age1...>',
      'encrypts it for this station; may be given several times',
      (each: string, others: readonly string[]) => [...others, each],
      [],
    )
    .option('--unsigned', 'without a signature: for the bench')
    .action(async (path: string, options: BuildOptions) => end(await build(path, options, context)));
}

async function build(path: string, options: BuildOptions, context: CliContext): Promise<ExitCode> {
  const { key, out, unsigned = false, json } = options;
  if ((key !== undefined) === unsigned) throw usage('give either --key <file> or --unsigned');
  if (!out.endsWith('.flashpack')) throw usage(`${out} must end with .flashpack: stations know it by that`);
  const recipe = await recipeFileOf(path, nodeFiles);
  const signing = key === undefined ? null : await readPrivateKey(key, nodeFiles);
  const bytes = await buildFlashpack(recipe, { files: nodeFiles, key: signing });
  // Tried as a station would: what cannot be run is not handed out.
  const flashpack = await openFlashpack(out, bytes, { judge: async () => 'unsigned' });
  const chips = await chipsOf(chipSources(context));
  const { digest } = await openRelease(flashpack.recipe, { chips, files: flashpack.files });
  const recipients = options.recipient ?? [];
  await writeWhole(out, recipients.length > 0 ? await sealPack(bytes, recipients) : bytes);
  if (json) context.print(JSON.stringify({ type: 'release.built', file: out, digest, size: bytes.length }));
  else context.print(`${out}: release ${digest}, ${bytes.length} bytes, ${unsigned ? 'not signed' : 'signed'}`);
  return 0;
}

/** There whole or not at all, also over an older one. */
async function writeWhole(file: string, bytes: Uint8Array): Promise<void> {
  const draft = `${file}.${toHex(realRandom(4))}`;
  try {
    await writeFile(draft, bytes, { flag: 'wx', flush: true });
    await rename(draft, file);
  } catch (cause) {
    throw usage(`${file} cannot be written: ${cause instanceof Error ? cause.message : String(cause)}`);
  } finally {
    await rm(draft, { force: true });
  }
}

function usage(detail: string): FlashlineError<'usage'> {
  return new FlashlineError('usage', { params: { detail } });
}
