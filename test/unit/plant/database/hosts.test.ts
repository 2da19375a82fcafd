import { describe, expect, it } from 'vitest';
import { Hosts } from '#plant/database/hosts.ts';

const TWO = 'postgresql://plant:p%40ss@one:5432,[::1]:5433/plant?target_session_attrs=read-write&sslmode=verify-full';

function standby(is: boolean) {
  return { query: () => Promise.resolve({ rows: [{ standby: is }] }) } as never;
}

describe('several servers in one database URL', () => {
  it('are used one at a time, each with the URL’s user, database and settings', () => {
    const hosts = new Hosts(TWO);
    expect(hosts.count).toBe(2);
    expect(hosts.url).toBe('postgresql://plant:p%40ss@one:5432/plant?sslmode=verify-full');
    hosts.moveOnFrom(hosts.url);
    expect(hosts.url).toBe('postgresql://plant:p%40ss@[::1]:5433/plant?sslmode=verify-full');
  });

  it('are left once, however many callers saw the same one fail', () => {
    const hosts = new Hosts(TWO);
    const failed = hosts.url;
    hosts.moveOnFrom(failed);
    hosts.moveOnFrom(failed);
    expect(hosts.url).toContain('[::1]:5433');
    hosts.moveOnFrom(hosts.url);
    expect(hosts.url).toBe(failed);
  });

  it('are refused as standbys only where the URL asks for one that writes, and no password is told', async () => {
    await expect(new Hosts(TWO).verify(standby(false))).resolves.toBeUndefined();
    await expect(new Hosts(TWO).verify(standby(true))).rejects.toThrow(/^one:5432 is a standby$/);
    await expect(new Hosts('postgresql://one/plant').verify(standby(true))).resolves.toBeUndefined();
  });

  it.each(['postgresql://one/plant', 'postgres://user@127.0.0.1:1/plant?sslmode=disable', 'socket:/run/pg'])(
    'leaves %s as it is',
    (url) => {
      expect(new Hosts(url)).toMatchObject({ count: 1, url });
    },
  );
});
