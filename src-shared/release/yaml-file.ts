import { isAlias, isCollection, isMap, isNode, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import type { Document, Node, YAMLError } from 'yaml';
import type { z } from 'zod';
import { describeIssue, type Path } from './schema-words.ts';

/** One thing that is wrong with a file, in words for the engineer who wrote it. */
export interface Problem {
  /** Counts from 1. */
  readonly line: number;
  /** `images[0].role`; empty when the file is not even YAML. */
  readonly path: string;
  readonly detail: string;
}

export interface ParsedYaml<T> {
  readonly value: T;
  /** Line of the value at `path`, or of what should hold it. */
  readonly lineOf: (path: Path) => number;
}

export type YamlResult<T> = { readonly ok: true; readonly parsed: ParsedYaml<T> } | Faulty;
interface Faulty {
  readonly ok: false;
  /** At least one; in the order of the file. */
  readonly problems: readonly Problem[];
}

/** Recipes and chip descriptions are a page of text; more is another file given by mistake. */
export const MAX_YAML_BYTES = 256 * 1024;
/** Deeper than any of our schemas, shallower than what would exhaust a parser's stack. */
const MAX_DEPTH = 32;

/** Parses YAML 1.2 against a schema. Never throws: what is wrong is in the result, all of it where that is possible. */
export function parseYaml<S extends z.ZodType>(bytes: Uint8Array, schema: S): YamlResult<z.output<S>> {
  if (bytes.length > MAX_YAML_BYTES) return faulty(1, `the file is larger than ${MAX_YAML_BYTES / 1024} KiB`);
  const text = decodeUtf8(bytes);
  if (text === undefined) return faulty(1, 'the file is not text in UTF-8');
  const tooDeep = lineTooDeep(text);
  if (tooDeep !== undefined) return faulty(tooDeep, `brackets or blocks nested more than ${MAX_DEPTH} deep`);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: '1.2', schema: 'core' });
  const lineAt = (offset: number) => Math.max(1, lines.linePos(offset).line);
  const syntax = [
    ...[...document.errors, ...document.warnings].map((error) => problem(lineAt(error.pos[0]), yamlWords(error))),
    ...unwanted(document, lineAt),
  ];
  if (syntax.length > 0) return { ok: false, problems: sorted(syntax) };
  if (document.contents === null) return faulty(1, 'the file is empty');
  const lineOf = (path: Path) => lineAt(offsetOf(document, path));
  const checked = schema.safeParse(document.toJS({ maxAliasCount: 0 }), { reportInput: true });
  if (checked.success) return { ok: true, parsed: { value: checked.data, lineOf } };
  const source = (path: Path) => sourceAt(document, path);
  const problems = checked.error.issues
    .flatMap((issue) => describeIssue(issue, source))
    .map(({ path, detail }) => ({ line: lineOf(path), path: pathText(path), detail }));
  return { ok: false, problems: sorted(problems) };
}

/** All problems in one sentence; the first few are enough to work with. */
export function problemsText(problems: readonly Problem[]): string {
  const shown = problems.slice(0, 10).map(({ line, path, detail }) => `line ${line}${path && `, ${path}`}: ${detail}`);
  const more = problems.length - shown.length;
  return [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}

/** `['images', 0, 'role']` as `images[0].role`. */
export function pathText(path: Path): string {
  return path
    .map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index === 0 ? '' : '.'}${String(key)}`))
    .join('');
}

function problem(line: number, detail: string): Problem {
  return { line, path: '', detail };
}

function faulty(line: number, detail: string): Faulty {
  return { ok: false, problems: [problem(line, detail)] };
}

function sorted(problems: readonly Problem[]): Problem[] {
  return problems.toSorted((a, b) => a.line - b.line);
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    // Not an error of ours: the caller says so in words.
    return undefined;
  }
}

/** Counts opening brackets and block markers, in strings too: no honest file of ours comes near the limit. */
function lineTooDeep(text: string): number | undefined {
  const lines = text.split(/\r\n|\r|\n/);
  let open = 0;
  for (const [index, line] of lines.entries()) {
    const markers = /^[ ]*(?:[-?] +)*/.exec(line)?.[0].match(/[-?]/g)?.length ?? 0;
    let deepest = open;
    for (const character of line) {
      if (character === '[' || character === '{') open += 1;
      if (character === ']' || character === '}') open = Math.max(0, open - 1);
      deepest = Math.max(deepest, open);
    }
    if (deepest + markers > MAX_DEPTH || line.search(/[^ ]/) > 8 * MAX_DEPTH) return index + 1;
  }
  return undefined;
}

/** What YAML allows and our files have no use for: aliases (bombs), tags (other types), keys that are not plain. */
function unwanted(document: Document, lineAt: (offset: number) => number): Problem[] {
  const found: Problem[] = [];
  const report = (node: Node, detail: string) => found.push(problem(lineAt(node.range?.[0] ?? 0), detail));
  visit(document, {
    Pair: (_key, { key }) => {
      if (isNode(key) && !isScalar(key)) report(key, 'a key must be one word, not a list or a block');
    },
    Node: (_key, node) => {
      if (isAlias(node)) report(node, `the alias *${node.source} is not allowed: write the value out`);
      else if (node.tag !== undefined) report(node, `the tag ${node.tag} is not allowed: write the plain value`);
    },
  });
  return found;
}

/** Where the value at `path` begins; for a missing one, what should hold it; for a key, the key itself. */
function offsetOf(document: Document, path: Path): number {
  let node: unknown = document.contents;
  let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
  for (const key of path) {
    if (!isCollection(node)) break;
    const pair = isMap(node) ? node.items.find((item) => isScalar(item.key) && item.key.value === key) : undefined;
    const next: unknown = pair ? pair.value : node.get(key, true);
    if (pair && isNode(pair.key)) offset = pair.key.range?.[0] ?? offset;
    else if (isNode(next)) offset = next.range?.[0] ?? offset;
    node = next;
  }
  return offset;
}

/** A scalar as it stands in the file: `1.0`, where YAML made the number 1 of it. */
function sourceAt(document: Document, path: Path): string | undefined {
  const node: unknown = path.length === 0 ? document.contents : document.getIn(path, true);
  return isScalar(node) ? (node.source ?? String(node.value)) : undefined;
}

const YAML_WORDS: Partial<Record<YAMLError['code'], string>> = {
  DUPLICATE_KEY: 'a key stands here twice in one block',
  TAB_AS_INDENT: 'a tab as indentation: use spaces',
  MULTIPLE_DOCS: 'a second document begins here (---): one file holds one',
};

function yamlWords(error: YAMLError): string {
  return YAML_WORDS[error.code] ?? `not valid YAML: ${error.message}`;
}
