import { basename, join } from 'node:path';
import { hexAddress } from '#shared/base/bytes.ts';
import { HF2_DIGEST_WINDOW } from '#shared/model/interfaces/hf2.ts';
import { chipBy, ChipDescription, flashHolding, hasInterface, isDebugChip, type Memory } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { Interface } from '#shared/model/recipe.ts';
import { MAX_YAML_BYTES, parseYaml, problemsText } from '#shared/release/yaml-file.ts';
import { type Files, fileFailure } from './files.ts';

const SUFFIX = '.yaml';

/** The chips that this station knows. What a description contradicts is thrown as `chip-invalid` when it is asked for. */
export interface ChipLibrary {
  /** Sorted by id; reads every description. */
  readonly chips: readonly ChipDescription[];
  readonly find: (id: string) => ChipDescription | undefined;
  /** Throws `chip-unknown`, naming those that are known. */
  readonly get: (id: string) => ChipDescription;
}

/**
 * Every `*.yaml` of these folders, read when it is asked for: one run needs one chip, and the others' faults are not its own. A chip in an earlier one goes before its namesake in a later one. The first
 * must be there (`resources/chips`), the others need not. Throws `file-missing` or `file-unreadable`.
 */
export async function loadChips(
  [first, ...others]: readonly [string, ...string[]],
  files: Files,
): Promise<ChipLibrary> {
  const folders = [await chipFiles(first, files)];
  for (const folder of others) {
    if (await files.isFolder(folder).catch(() => false)) folders.push(await chipFiles(folder, files));
  }
  const known = new Set<string>();
  const paths = folders.flat().filter((path) => !known.has(basename(path)) && known.add(basename(path)));
  const unread = await Promise.all(
    paths.map(async (path) => {
      const bytes = await readChip(path, files);
      return [basename(path, SUFFIX), once(() => parseChip(path, bytes))] as const;
    }),
  );
  return libraryOf(new Map(unread));
}

async function chipFiles(folder: string, files: Files): Promise<string[]> {
  const names = await files.list(folder).catch((error: unknown) => {
    throw fileFailure(folder, { file: folder }, error);
  });
  return names.filter((name) => name.endsWith(SUFFIX)).map((name) => join(folder, name));
}

export function chipLibrary(chips: readonly ChipDescription[]): ChipLibrary {
  return libraryOf(new Map(chips.map((chip) => [chip.id, () => chip])));
}

function libraryOf(byId: ReadonlyMap<string, () => ChipDescription>): ChipLibrary {
  const ids = [...byId.keys()].toSorted();
  return {
    get chips() {
      return ids.flatMap((id) => byId.get(id)?.() ?? []);
    },
    find: (id) => byId.get(id)?.(),
    get(id) {
      const chip = byId.get(id)?.();
      if (!chip) throw new FlashlineError('chip-unknown', { params: { chip: id, known: ids.join(', ') } });
      return chip;
    },
  };
}

function readChip(path: string, files: Files): Promise<Uint8Array> {
  return files.read(path, MAX_YAML_BYTES).catch((error: unknown) => {
    throw fileFailure(path, { file: path }, error);
  });
}

function once<T>(work: () => T): () => T {
  let done: { readonly value: T } | undefined;
  return () => (done ??= { value: work() }).value;
}

/** Throws `chip-invalid`: `where` points at the first problem, `detail` tells them all. */
export function parseChip(path: string, bytes: Uint8Array): ChipDescription {
  const result = parseYaml(bytes, ChipDescription);
  const problems = result.ok
    ? contradictions(path, result.parsed.value).map((detail) => ({ line: 1, path: '', detail }))
    : result.problems;
  const [first] = problems;
  if (result.ok && !first) return result.parsed.value;
  throw new FlashlineError('chip-invalid', {
    where: {
      file: path,
      ...(result.ok ? {} : { line: first?.line ?? 1 }),
      ...(first?.path ? { path: first.path } : {}),
    },
    params: {
      file: path,
      detail: result.ok ? problems.map(({ detail }) => detail).join('; ') : problemsText(problems),
    },
  });
}

/** What the planner relies on and a schema cannot say. */
function contradictions(path: string, chip: ChipDescription): string[] {
  const { memories, locks, boot } = chip;
  const found: string[] = [];
  if (basename(path) !== `${chip.id}.yaml`) found.push(`the id ${chip.id} must be the file’s name`);
  memories.forEach((memory, index) => {
    found.push(...memoryFaults(memory));
    const other = memories.slice(0, index).find((before) => overlaps(before, memory));
    if (other) found.push(`the memories ${other.name} and ${memory.name} overlap`);
    if (memories.findIndex(({ name }) => name === memory.name) < index)
      found.push(`two memories are called ${memory.name}`);
  });
  for (const lock of locks) {
    if (flashHolding(chip, lock.address, lock.size)?.name !== lock.memory) {
      found.push(`the lock ${lock.name} at ${hexAddress(lock.address)} is not in the flash memory ${lock.memory}`);
    }
  }
  if (boot && !flashHolding(chip, boot.vectors, 1))
    found.push(`boot.vectors ${hexAddress(boot.vectors)} is in no flash memory`);
  const debugParts = [chip.core, chip.swd, chip.controller];
  if (debugParts.some((part) => part !== undefined) && !isDebugChip(chip))
    found.push('core, swd, controller and boot stand together: a debug probe needs all of them');
  if (isDebugChip(chip) && chip.identity.checks.length === 0)
    found.push('a debug probe needs identity.checks to tell the chip from others');
  const digest = chip.hf2?.digest;
  if (digest && !memories.some((memory) => memory.kind === 'ram' && holdsDigest(memory, digest.ram)))
    found.push(`hf2.digest.ram: there is no RAM for the code at ${hexAddress(digest.ram)}`);
  if (!Interface.options.some((via) => hasInterface(chip, via)))
    found.push('no interface is described by which the chip could be reached');
  for (const via of Interface.options) {
    const seen = chipBy(chip, via).memories;
    if (seen !== memories) found.push(...seen.flatMap(memoryFaults).map((fault) => `${via}: ${fault}`));
  }
  return found;
}

function holdsDigest({ start, size }: Memory, ram: number): boolean {
  return ram >= start && ram + HF2_DIGEST_WINDOW <= start + size;
}

function memoryFaults(memory: Memory): string[] {
  const found: string[] = [];
  if (memory.start + memory.size > 2 ** 32) found.push(`the memory ${memory.name} ends beyond 4 GiB`);
  if (memory.kind !== 'flash') return found;
  if (memory.page % memory.word !== 0) found.push(`the memory ${memory.name}: a page is not a whole number of words`);
  if (memory.size % memory.page !== 0) found.push(`the memory ${memory.name} is not a whole number of pages`);
  return found;
}

function overlaps(a: Memory, b: Memory): boolean {
  return a.start < b.start + b.size && b.start < a.start + a.size;
}
