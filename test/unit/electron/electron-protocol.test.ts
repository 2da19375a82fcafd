import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path, { join } from 'node:path';
import * as fc from '#test/support/fast-check.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ORIGIN, assetPath, isOurs, serveAssets } from '#main/app/electron-protocol.ts';

describe('which URLs are the app’s own', () => {
  it.each([`${ORIGIN}/`, `${ORIGIN}/assets/a.js?x#y`, 'flashline://app/./index.html'])('takes %s', (url) => {
    expect(isOurs(url)).toBe(true);
  });
  it.each([
    'flashline://app.evil/',
    'flashline://apps/',
    'flashline://user@app/',
    'flashline://app:1/',
    'flashline:app/',
    'flashline:///app/',
    'https://app/',
    'file:///app/index.html',
    'about:blank',
    '',
    'not a url',
  ])('refuses %j', (url) => {
    expect(isOurs(url)).toBe(false);
    expect(assetPath('/srv/renderer', url)).toBeNull();
  });
});

describe('which file a URL names', () => {
  it.each([
    ['/', 'index.html'],
    ['/index.html', 'index.html'],
    ['/assets/', 'assets/index.html'],
    // Dots that the URL's own rules resolve, encoded or not, cannot climb above the root.
    ['/a/%2e%2e', 'index.html'],
    ['/../../%2e%2e/x.js', 'x.js'],
    ['/assets/app-1.js', 'assets/app-1.js'],
    ['//assets//app.js', 'assets/app.js'],
    ['/a%20b.png?v=2#top', 'a b.png'],
  ])('%s is %s', (requested, file) => {
    expect(assetPath('/srv/renderer', ORIGIN + requested)).toBe(join('/srv/renderer', file));
  });

  it.each([
    '/..%2fsecret',
    '/%2e%2e%2fsecret',
    '/assets/..%2f..%2f..%2fetc/passwd',
    '/..%5csecret',
    '/..\\secret',
    '/C:/Windows/win.ini',
    '/c%3a/windows/win.ini',
    '/index.html::$DATA',
    '/index.html%00.png',
    '/%c3%28',
    '/%',
  ])('refuses %s', (requested) => {
    expect(assetPath('/srv/renderer', ORIGIN + requested)).toBeNull();
  });

  it('never names a file outside the root, whatever it is asked', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        '..',
        '.',
        '%2e',
        '%2E%2e',
        '%2f',
        '%5c',
        '\\',
        '/',
        ':',
        '%00',
        '%25',
        '%',
        'etc',
        'index.html',
        ' ',
      ),
      fc.string({ maxLength: 6 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const file = assetPath('/srv/renderer', `${ORIGIN}/${pieces.join('')}`);
        if (file === null) return;
        const relative = path.relative('/srv/renderer', file);
        expect(relative.split(path.sep)[0]).not.toBe('..');
        expect(path.isAbsolute(relative) || relative === '').toBe(false);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('what is answered', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flashline-protocol-'));
  const root = join(folder, 'renderer');
  const serve = serveAssets(root);
  const ask = (url: string, method = 'GET') => serve(new Request(ORIGIN + url, { method }));

  beforeAll(() => {
    mkdirSync(join(root, 'assets'), { recursive: true });
    writeFileSync(join(root, 'index.html'), '<p>here');
    writeFileSync(join(root, 'assets', 'a.js'), '1');
    writeFileSync(join(folder, 'secret.txt'), 'secret');
    mkdirSync(join(folder, 'renderer-beside'));
    writeFileSync(join(folder, 'renderer-beside', 'secret.txt'), 'secret');
    symlinkSync(join(folder, 'secret.txt'), join(root, 'link.txt'));
    symlinkSync(join(folder, 'renderer-beside'), join(root, 'beside'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('serves the page under a policy that allows nothing from elsewhere', async () => {
    const answer = await ask('/');
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe('<p>here');
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const policy = answer.headers.get('content-security-policy')?.split('; ') ?? [];
    expect(policy).toEqual(expect.arrayContaining(["default-src 'none'", "script-src 'self'", "connect-src 'none'"]));
    expect(policy.join(' ')).not.toMatch(/unsafe|https?:|\*/);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('answers HEAD without a body, and no other method', async () => {
    const head = await ask('/assets/a.js', 'HEAD');
    expect([head.status, await head.text(), head.headers.get('content-type')]).toEqual([
      200,
      '',
      'text/javascript; charset=utf-8',
    ]);
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) expect((await ask('/', method)).status).toBe(405);
  });

  it.each(['/nothing.js', '/assets', '/index.html/more', '/link.txt', '/beside/secret.txt', `/${'x'.repeat(5000)}`])(
    'finds nothing at %.40s',
    async (url) => {
      const answer = await ask(url);
      expect(answer.status).toBe(404);
      expect(await answer.text()).not.toContain('secret');
    },
  );
});
