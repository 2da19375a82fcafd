/**
 * Who may import whom: the one place where the layers are written down (docs/architecture.md explains them).
 * A folder may import itself and what its row lists; anything else, and every cycle, fails `npm run check`.
 * An entry is a folder or one file. Packages are in the second table.
 */
const SHARED = ['src-shared'];

export const layers = {
  'src-shared/base': [],
  'src-shared/model': ['src-shared/base'],
  'src-shared/identity': ['src-shared/model', 'src-shared/base'],
  'src-shared/contract': ['src-shared/model', 'src-shared/base'],
  'src-shared/release': ['src-shared/identity', 'src-shared/model', 'src-shared/base'],
  'src-main/link': [...SHARED],
  'src-main/probe': ['src-main/link/link.ts', 'src-main/link/usb-control.ts', ...SHARED],
  'src-main/target': ['src-main/probe', ...SHARED],
  'src-main/image': [...SHARED],
  'src-main/plan': ['src-main/image/image.ts', ...SHARED],
  'src-main/programmer': [
    'src-main/plan',
    'src-main/target',
    'src-main/probe',
    // Boot loaders have no dialect of a probe between them and the wire.
    'src-main/link/link.ts',
    'src-main/link/drive.ts',
    'src-main/link/usb-control.ts',
    'src-main/link/usb-descriptors.ts',
    'src-main/image/uf2-block.ts',
    // An image's header says which units it is for.
    'src-main/image/esp-image.ts',
    'src-main/image/esp-signature.ts',
    'src-main/image/flm.ts',
    'src-main/image/svf.ts',
    'src-main/image/svf-bits.ts',
    // Code that runs on a unit.
    'resources/unit-digests',
    ...SHARED,
  ],
  'src-main/release': ['src-main/image', 'src-main/plan', ...SHARED],
  'src-main/log': [...SHARED],
  'src-main/station': [
    'src-main/release',
    'src-main/plan',
    'src-main/programmer',
    'src-main/target',
    'src-main/probe',
    'src-main/log/log.ts',
    ...SHARED,
  ],
  'src-main/sync': ['src-main/log/log.ts', 'src-main/log/plant-store.ts', ...SHARED],
  'src-main/bridge': [...SHARED],
  'src-main/bench': ['src-main/link/link.ts', 'src-main/link/drive.ts', 'src-main/link/usb-control.ts', ...SHARED],
  'src-main/app': ['src-main', 'src-plant/plant.ts', ...SHARED],
  'src-renderer': ['resources/locales', ...SHARED],
  'src-plant/database': [...SHARED],
  'src-plant/keyring': [...SHARED],
  'src-plant/audit': ['src-plant/database/database.ts', 'src-plant/database/columns.ts', ...SHARED],
  'src-plant/ingest': ['src-plant/database/database.ts', 'src-plant/keyring/keyring.ts', ...SHARED],
  'src-plant/trace': [
    'src-plant/audit',
    'src-plant/database/database.ts',
    'src-plant/database/columns.ts',
    'src-plant/keyring/keyring.ts',
    ...SHARED,
  ],
  'src-plant/catalog': [
    'src-plant/audit',
    'src-plant/database/database.ts',
    'src-plant/database/columns.ts',
    'src-plant/keyring/keyring.ts',
    ...SHARED,
  ],
  'src-plant/accounts': [
    'src-plant/audit',
    'src-plant/database/database.ts',
    'src-plant/database/columns.ts',
    'src-plant/keyring/keyring.ts',
    ...SHARED,
  ],
  'src-plant/desk': ['src-plant/accounts', 'src-plant/signing', 'src-plant/commands', ...SHARED],
  'src-plant/commands': [
    'src-plant/audit',
    'src-plant/database/database.ts',
    'src-plant/database/columns.ts',
    // Whoever may be given something is said as for signatures.
    'src-plant/signing/policy.ts',
    ...SHARED,
  ],
  'src-plant/signing': [
    'src-plant/audit',
    'src-plant/database/database.ts',
    'src-plant/database/columns.ts',
    ...SHARED,
  ],
  'src-plant/http': ['src-plant', ...SHARED],
  'src-plant/plant.ts': ['src-plant', ...SHARED],
};

/** Packages (and Node's own modules) that only these places may import. */
export const packages = [
  { package: 'electron', only: ['src-main/app'] },
  { package: 'better-sqlite3', only: ['src-main/log'] },
  { package: 'serialport', only: ['src-main/link'] },
  { package: 'usb', only: ['src-main/link'] },
  { package: 'node-hid', only: ['src-main/link'] },
  // Calls a PKCS #11 library.
  { package: 'koffi', only: ['src-plant/signing/pkcs11'] },
  { package: 'pg', only: ['src-plant/database'] },
  { package: '@electric-sql/pglite', only: ['src-plant/database'] },
  { package: 'fastify', only: ['src-plant/http', 'src-plant/plant.ts'] },
  { package: 'undici', only: ['src-main/sync'] },
  { package: 're2js', only: ['src-shared/base'] },
  { package: 'ws', only: ['src-main/bridge', 'src-main/app'] },
];

/** Where Node's own modules must not appear: code that also runs in a browser. */
export const browserSafe = ['src-shared', 'src-renderer'];

/** Pure code: no Node, no I/O, whoever calls it. */
export const pure = ['src-main/image', 'src-main/plan'];
