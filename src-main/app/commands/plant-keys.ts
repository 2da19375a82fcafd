import { createPublicKey, X509Certificate } from 'node:crypto';
import { Command, InvalidArgumentError, Option } from 'commander';
import { KeyUse, type PolicyChange, type SigningKey } from '#shared/contract/plant/signing-api.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { KeyKind, type KeyStoreKind } from '#shared/model/signing.ts';
import { type CliContext, command, type ExitCode, withExamples } from './command.ts';
import { readInput, writeOutput } from './files.ts';
import { numberOf } from './numbers.ts';
import { type PlaceOptions, placeWithKeys, withKeyStores, withPlace } from './plant-place.ts';
import { withDesk } from './with-desk.ts';

interface PolicyOptions {
  readonly product?: readonly string[];
  readonly release?: readonly string[];
  readonly station?: readonly string[];
  readonly perMinute?: string;
  readonly quantity?: string;
  readonly until?: string;
  readonly enable?: boolean;
  readonly disable?: boolean;
}

interface CreateOptions extends PlaceOptions, PolicyOptions {
  readonly use: KeyUse;
}

export function plantKeys(context: CliContext, end: (code: ExitCode) => void): Command {
  return withExamples(new Command('keys'), [
    'plant keys generate unit-data --kind ecdsa-p256 --hsm hsm.yaml',
    'plant keys policy unit-data --product hello-nrf51 --quantity 10000 --enable',
    'plant keys public unit-data --out unit-data.pem',
  ])
    .description('keys that the plant signs with: made and kept in its HSM, never taken out')
    .addCommand(list(context, end))
    .addCommand(generate(context, end))
    .addCommand(adopt(context, end))
    .addCommand(policy(context, end))
    .addCommand(certify(context, end))
    .addCommand(certificate(context, end))
    .addCommand(publicKey(context, end));
}

/** With what every one of these commands takes. */
function keysCommand(name: string, description: string, examples: readonly string[]): Command {
  return withKeyStores(withPlace(command(name, description, examples)));
}

function withPolicy(made: Command): Command {
  return made
    .option('--product <id...>', 'the only products that it signs for; all: any')
    .option('--release <digest...>', 'the only releases; all: those that the plant has published')
    .option('--station <name...>', 'the only stations; all: any')
    .option('--per-minute <n>', 'signatures in any minute; all: any')
    .option('--quantity <n>', 'signatures in all; all: any')
    .option('--until <time>', 'UTC, as 2027-01-31T00:00:00Z; all: for ever')
    .option('--enable', 'it signs from now on')
    .option('--disable', 'it signs nothing from now on');
}

function withUse(made: Command): Command {
  const use = new Option('--use <use>', 'digests (of units’ data and firmware), or device certificates');
  return made.addOption(use.choices(KeyUse.options).default('digest'));
}

function list(context: CliContext, end: (code: ExitCode) => void): Command {
  return keysCommand('list', 'keys, and what each may sign', ['plant keys list', 'plant keys list --json']).action(
    async (options: PlaceOptions) => {
      const keys = await withDesk(options, context, (desk) => desk.call('key.list', {}));
      for (const key of keys) context.print(options.json ? JSON.stringify(key) : keyLines(key).join('\n'));
      if (keys.length === 0 && !options.json) context.say('No key yet: flashline plant keys generate NAME --kind ...');
      end(0);
    },
  );
}

function generate(context: CliContext, end: (code: ExitCode) => void): Command {
  const kind = new Option('--kind <kind>', 'of the key').choices(KeyKind.options).makeOptionMandatory();
  return withPolicy(
    withUse(
      keysCommand(
        'generate',
        'makes a key in the HSM (or among the development keys); it signs nothing until --enable',
        [
          'plant keys generate unit-data --kind ecdsa-p256 --hsm hsm.yaml',
          'plant keys generate try --kind ed25519 --development-keys --enable',
        ],
      ),
    ),
  )
    .argument('<key>')
    .addOption(kind)
    .action(async (name: string, options: CreateOptions & { readonly kind: KeyKind }) => {
      await create(name, { kind: options.kind }, options, context);
      end(0);
    });
}

function adopt(context: CliContext, end: (code: ExitCode) => void): Command {
  return withPolicy(
    withUse(
      keysCommand('adopt', 'takes a key into use that the HSM has already', [
        'plant keys adopt firmware --id 01a4 --hsm hsm.yaml --product hello-nrf51',
      ]),
    ),
  )
    .argument('<key>')
    .requiredOption('--id <hex>', 'its CKA_ID', hexId)
    .action(async (name: string, options: CreateOptions & { readonly id: string }) => {
      await create(name, { reference: options.id }, options, context);
      end(0);
    });
}

function policy(context: CliContext, end: (code: ExitCode) => void): Command {
  return withPolicy(
    keysCommand('policy', 'changes what a key signs; what is not named stays', [
      'plant keys policy unit-data --station L1 L2 --per-minute 60',
      'plant keys policy unit-data --disable',
    ]),
  )
    .argument('<key>')
    .action(async (name: string, options: PlaceOptions & PolicyOptions) => {
      const change = policyOf(options);
      if (Object.keys(change).length === 0) throw usage('nothing of the policy is named that should change');
      const key = await withDesk(options, context, (desk) => desk.call('key.policy', { name, change }));
      tell(key, options, 'key.changed', context);
      end(0);
    });
}

function publicKey(context: CliContext, end: (code: ExitCode) => void): Command {
  return keysCommand('public', 'writes the public key (PEM), for recipes and for whoever verifies', [
    'plant keys public unit-data --out keys/unit-data.pem',
  ])
    .argument('<key>')
    .requiredOption('--out <file>', 'what is written')
    .action(async (name: string, options: PlaceOptions & { readonly out: string }) => {
      const keys = await withDesk(options, context, (desk) => desk.call('key.list', {}));
      const key = keys.find((each) => each.name === name);
      if (key === undefined) throw new FlashlineError('not-found', { params: { what: `signing key ${name}` } });
      const der = Buffer.from(key.publicKey, 'hex');
      const pem = createPublicKey({ key: der, format: 'der', type: 'spki' }).export({ type: 'spki', format: 'pem' });
      await writeOutput(options.out, String(pem));
      const { keyId } = key;
      context.print(options.json ? JSON.stringify({ type: 'key.public', name, keyId, out: options.out }) : options.out);
      end(0);
    });
}

interface CertifyOptions extends PlaceOptions {
  readonly commonName: string;
  readonly organization?: string;
  readonly country?: string;
  readonly years: string;
}

function certify(context: CliContext, end: (code: ExitCode) => void): Command {
  return keysCommand('certify', 'makes the certificate of a key that issues device certificates, by itself', [
    'plant keys certify device-ca --common-name "Example Signer C0FE" --organization Example --years 20',
  ])
    .argument('<key>')
    .requiredOption('--common-name <name>', 'ends in four hexadecimal digits where certificates are kept in 72 bytes')
    .option('--organization <name>')
    .option('--country <code>', 'two letters')
    .option('--years <n>', '0: it never ends', '0')
    .action(async (name: string, options: CertifyOptions) => {
      const { commonName, organization, country, years } = options;
      const subject = {
        commonName,
        ...(organization === undefined ? {} : { organization }),
        ...(country === undefined ? {} : { country }),
      };
      const place = await placeWithKeys(options, context);
      const wanted = { name, subject, years: numberOf('--years', years) };
      const key = await withDesk(options, context, (desk) => desk.call('key.certify', wanted), place);
      tell(key, options, 'key.certified', context);
      end(0);
    });
}

interface CertificateOptions extends PlaceOptions {
  readonly in?: string;
  readonly out?: string;
}

function certificate(context: CliContext, end: (code: ExitCode) => void): Command {
  return keysCommand('certificate', 'takes the certificate that another authority issued for a key, or writes it', [
    'plant keys certificate device-ca --in device-ca.pem',
    'plant keys certificate device-ca --out keys/device-ca.pem',
  ])
    .argument('<key>')
    .option('--in <file>', 'PEM')
    .option('--out <file>', 'what is written: PEM, for recipes and for whoever verifies')
    .action(async (name: string, options: CertificateOptions) => {
      if ((options.in === undefined) === (options.out === undefined)) throw usage('--in or --out, one of both');
      if (options.in !== undefined) {
        const pem = new TextDecoder().decode(await readInput(options.in));
        const key = await withDesk(options, context, (desk) => desk.call('key.certificate', { name, pem }));
        tell(key, options, 'key.certified', context);
      } else await writeCertificate(name, options, options.out ?? '', context);
      end(0);
    });
}

async function writeCertificate(name: string, options: PlaceOptions, out: string, context: CliContext): Promise<void> {
  const keys = await withDesk(options, context, (desk) => desk.call('key.list', {}));
  const der = keys.find((each) => each.name === name)?.certificate ?? null;
  if (der === null)
    throw new FlashlineError('not-found', { params: { what: `certificate of the signing key ${name}` } });
  await writeOutput(out, new X509Certificate(Buffer.from(der, 'hex')).toString());
  context.print(options.json ? JSON.stringify({ type: 'key.certificate', name, out }) : out);
}

async function create(
  name: string,
  from: { readonly kind: KeyKind } | { readonly reference: string },
  options: CreateOptions,
  context: CliContext,
): Promise<void> {
  const store: KeyStoreKind = options.developmentKeys === true ? 'development' : 'hsm';
  const place = await placeWithKeys(options, context);
  const wanted = { name, use: options.use, store, from, policy: policyOf(options) };
  const key = await withDesk(options, context, (desk) => desk.call('key.create', wanted), place);
  tell(key, options, 'key.created', context);
}

/** What is named of it, and nothing else. `all` takes a limit away. */
function policyOf(options: PolicyOptions): PolicyChange {
  const { product, release, station, perMinute, quantity, until, enable, disable } = options;
  if (enable && disable) throw usage('--enable or --disable, not both');
  const list = (values: readonly string[]) => (values.length === 1 && values[0] === 'all' ? null : [...values]);
  const count = (option: string, text: string) => (text === 'all' ? null : numberOf(option, text));
  return {
    ...(product ? { products: list(product) } : {}),
    ...(release ? { releases: list(release) } : {}),
    ...(station ? { stations: list(station) } : {}),
    ...(perMinute === undefined ? {} : { perMinute: count('--per-minute', perMinute) }),
    ...(quantity === undefined ? {} : { quantity: count('--quantity', quantity) }),
    ...(until === undefined ? {} : { until: until === 'all' ? null : until }),
    ...(enable ? { enabled: true } : {}),
    ...(disable ? { enabled: false } : {}),
  };
}

function tell(key: SigningKey, { json }: PlaceOptions, type: string, { print, say }: CliContext): void {
  print(json ? JSON.stringify({ type, ...key }) : keyLines(key).join('\n'));
  if (!json && !key.policy.enabled) say(`It signs nothing yet: flashline plant keys policy ${key.name} --enable`);
}

function keyLines({ name, kind, use, store, keyId, reference, policy, signed }: SigningKey): string[] {
  const { enabled, products, releases, stations, perMinute, quantity, until } = policy;
  const where = store === 'hsm' ? `in the HSM (id ${reference})` : 'A DEVELOPMENT KEY: PROVES NOTHING';
  const named = (what: string, values: readonly string[] | null, any: string) =>
    `  ${what}: ${values === null ? any : values.join(', ') || 'none'}`;
  return [
    `${name}: ${kind}, for ${use === 'digest' ? 'digests' : 'certificates'}, ${where}, ${enabled ? 'on' : 'off'}`,
    `  public key ${keyId}`,
    named('products', products, 'any'),
    named('releases', releases, 'those that the plant has published'),
    named('stations', stations, 'any'),
    `  signed ${signed}${quantity === null ? '' : ` of ${quantity}`}` +
      `${perMinute === null ? '' : `, ${perMinute} a minute`}${until === null ? '' : `, until ${until}`}`,
  ];
}

function hexId(text: string): string {
  if (/^(?:[0-9a-fA-F]{2}){1,64}$/u.test(text)) return text.toLowerCase();
  throw new InvalidArgumentError('bytes in hexadecimal, as pkcs11-tool --list-objects shows them');
}

function usage(detail: string): FlashlineError {
  return new FlashlineError('usage', { params: { detail } });
}
