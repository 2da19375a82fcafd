import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Postgres, postgresIdentity } from './postgres.ts';

const run = promisify(execFile);
const PAGE = fileURLToPath(new URL('../../docs/operations.md', import.meta.url));
const RECIPE_MS = 60_000;

/** The block under `<!-- recipe: name -->` in docs/operations.md, as it stands there. */
export function recipe(name: string): string {
  const page = readFileSync(PAGE, 'utf8');
  const block = new RegExp(`<!-- recipe: ${name} -->\\n\`\`\`\\w+\\n(.*?)\\n\`\`\``, 's').exec(page)?.[1];
  if (block === undefined) throw new Error(`docs/operations.md has no recipe ${name}`);
  return block;
}

/** Of a block of postgresql.conf lines, with the variables of the page filled in. */
export function recipeSettings(name: string, variables: Readonly<Record<string, string>>): Record<string, string> {
  const filled = recipe(name).replaceAll(/\$([A-Z]+)/g, (all, variable: string) => variables[variable] ?? all);
  const lines = filled.split('\n').flatMap((line) => /^(\w+) = '?(.*?)'?$/.exec(line) ?? []);
  return Object.fromEntries(
    Array.from({ length: lines.length / 3 }, (_, at) => [lines[3 * at + 1] ?? '', lines[3 * at + 2] ?? '']),
  );
}

/** Carries a block of commands out as the page says: as PostgreSQL's user, against this cluster. */
export async function followRecipe(
  name: string,
  cluster: Postgres,
  variables: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { bin, ...identity } = postgresIdentity();
  const env = {
    PATH: `${bin}:${process.env['PATH']}`,
    LC_ALL: 'C.UTF-8',
    PGHOST: cluster.folder,
    PGPORT: String(cluster.port),
    PGUSER: 'postgres',
    DATA: cluster.data,
    ...variables,
  };
  const { stdout } = await run('sh', ['-euc', recipe(name)], { ...identity, env, cwd: '/', timeout: RECIPE_MS });
  return stdout;
}
