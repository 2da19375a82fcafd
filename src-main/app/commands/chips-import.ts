import { mkdir, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { FlashlineError } from '#shared/model/failure.ts';
import { fileFailure, nodeFiles } from '../../release/files.ts';
import { describePart, idOf, type ImportedPart } from '../../release/pack/describe-part.ts';
import { type OpenPack, openPack } from '../../release/pack/open-pack.ts';
import type { PackDevice } from '../../release/pack/pdsc.ts';
import { importedChips } from '../compose-chips.ts';
import { chipSources, type CliContext, command, type CommonOptions, type ExitCode } from './command.ts';

interface ImportOptions extends CommonOptions {
  readonly part?: string;
}

const MAX_PACK = 512 << 20;

export function chipsImportCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  return command('import', 'makes the parts of a CMSIS-Pack usable: memories and flash algorithms', [
    'chips import Keil.STM32G0xx_DFP.2.0.0.pack',
    'chips import Keil.STM32G0xx_DFP.2.0.0.pack --part STM32G071RBTx',
  ])
    .argument('<file.pack>')
    .option('--part <name>', 'only this part; all of them when left out')
    .action(async (file: string, options: ImportOptions) => end(await importPack(file, options, context)));
}

async function importPack(file: string, options: ImportOptions, context: CliContext): Promise<ExitCode> {
  const bytes = await nodeFiles.read(file, MAX_PACK).catch((error: unknown) => {
    throw fileFailure(file, { file }, error);
  });
  const pack = await openPack(basename(file), bytes);
  const wanted = choose(pack, options.part, file);
  const folder = importedChips(chipSources(context));
  await mkdir(folder, { recursive: true });
  const { imported, refused } = await importParts(pack, wanted, folder, context);
  const { vendor, name, version } = pack.pack;
  for (const { part, detail } of refused) {
    if (options.json) context.print(JSON.stringify({ type: 'chip.refused', part, detail }));
    else context.say(`Not imported: ${part}: ${detail}`);
  }
  for (const { chip } of imported)
    if (options.json) context.print(JSON.stringify({ type: 'chip.imported', id: chip.id, name: chip.name }));
  if (!options.json) {
    context.print(`${imported.length} of ${wanted.length} parts of ${vendor}.${name} ${version} can be used now.`);
    for (const { chip } of imported.slice(0, 10)) context.print(`  ${chip.id.padEnd(18)} ${chip.name}`);
    if (imported.length > 10) context.print('  ... flashline chips list shows them all');
    context.print(
      'A pack does not tell hardware ids, locks and protection: units are told apart by their serial alone.',
    );
  }
  return imported.length > 0 ? 0 : 2;
}

function choose({ pack }: OpenPack, part: string | undefined, file: string): readonly PackDevice[] {
  if (part === undefined) return pack.devices;
  const found = pack.devices.filter(({ name }) => idOf(name) === idOf(part));
  if (found.length > 0) return found;
  const near = pack.devices.map(({ name }) => name).filter((name) => idOf(name).startsWith(idOf(part).slice(0, 8)));
  const detail = `it has no part ${part}${near.length > 0 ? `; it has ${near.slice(0, 8).join(', ')}` : ''}`;
  throw new FlashlineError('pack-invalid', { where: { file }, params: { file, detail } });
}

async function importParts(pack: OpenPack, devices: readonly PackDevice[], folder: string, context: CliContext) {
  const imported: ImportedPart[] = [];
  const refused: { readonly part: string; readonly detail: string }[] = [];
  for (const device of devices) {
    context.signal.throwIfAborted();
    try {
      const part = await describePart(pack, device);
      await store(part, folder);
      imported.push(part);
    } catch (error) {
      // One part that cannot be used does not keep the others from being used.
      if (!(error instanceof FlashlineError) || error.failure.code !== 'pack-invalid') throw error;
      refused.push({ part: device.name, detail: error.failure.params['detail'] ?? '' });
    }
  }
  return { imported, refused };
}

/** Algorithms first: a description never names one that is not there. */
async function store({ chip, algorithms }: ImportedPart, folder: string): Promise<void> {
  for (const [name, bytes] of algorithms) await replace(join(folder, name), bytes);
  await replace(join(folder, `${chip.id}.yaml`), stringify(chip, { aliasDuplicateObjects: false }));
}

async function replace(path: string, content: Uint8Array | string): Promise<void> {
  await writeFile(`${path}.new`, content);
  await rename(`${path}.new`, path);
}
