import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type LogDatabase, openLogDatabase } from '#main/log/log-database.ts';
import { SqliteSettings } from '#main/log/sqlite-settings.ts';
import { copyTables } from '#main/log/copy-tables.ts';
import { A_DAY, standingClock, temporaryFolder } from './fixtures.ts';

let folder: ReturnType<typeof temporaryFolder>;
let file: string;
const opened: LogDatabase[] = [];
const openAgain = (): SqliteSettings => {
  const database = openLogDatabase({ file, clock: standingClock(), warn: () => undefined });
  opened.push(database);
  return new SqliteSettings(database);
};
beforeEach(() => {
  folder = temporaryFolder();
  file = join(folder.path, 'station.db');
});
afterEach(() => {
  for (const each of opened.splice(0)) each.close();
  folder.remove();
});

const change = (value: string, by = 'ada') => ({ name: 'log.keep', value, by, at: A_DAY });

it('has the newest of each, and who made them all; another process sees the same', async () => {
  const [one, two] = [openAgain(), openAgain()];
  expect(await one.newest()).toEqual([]);
  await one.change(change('30'));
  await two.change(change('all', 'wei'));
  await two.change({ ...change('on'), name: 'start.auto' });
  expect(await one.newest()).toEqual([change('all', 'wei'), { ...change('on'), name: 'start.auto' }]);
  expect(await one.changes('log.keep', 10)).toEqual([change('all', 'wei'), change('30')]);
  expect(await one.changes('log.keep', 1)).toEqual([change('all', 'wei')]);
});

it.each(['UPDATE setting_changes SET by = ?', 'DELETE FROM setting_changes WHERE by <> ?'])(
  'never forgets who: %s',
  async (sql) => {
    const store = openAgain();
    await store.change(change('30'));
    expect(() => opened[0]?.run(sql, 'eve')).toThrow(/who changed a setting/);
    expect(await store.newest()).toEqual([change('30')]);
  },
);

it('comes back out of a backup where the damaged log does not give it any more', async () => {
  await openAgain().change(change('30'));
  const backup = file;
  const damaged = join(folder.path, 'damaged.db');
  writeFileSync(damaged, 'not a database any more, whatever it was before');
  file = join(folder.path, 'new.db');
  const store = openAgain();
  const into = opened.at(-1);
  if (into) copyTables(into.sqlite, damaged, backup);
  expect(await store.newest()).toEqual([change('30')]);
});
