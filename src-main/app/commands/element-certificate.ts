import { type Command, InvalidArgumentError, Option } from 'commander';
import { fromHex, toHex } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { readCompressed, SERIAL_SOURCES, type SerialSource } from '../../image/certificate/compressed.ts';
import { compressCertificate, expandCertificate, publicKeyOf } from '../../image/certificate/x509.ts';
import { type CliContext, command, type CommonOptions, type ExitCode } from './command.ts';
import { readInput, writeOutput } from './files.ts';

const COMPRESS =
  'secure-element compress --certificate device.pem --template-id 3 --chain-id 0 --serial-source key-hash --out slot10.bin';
const EXPAND =
  'secure-element expand --compressed slot10.bin --template device-template.pem --public-key 04ab... --out device.der';

interface CompressOptions extends CommonOptions {
  readonly certificate: string;
  readonly templateId: number;
  readonly chainId: number;
  readonly serialSource: SerialSource;
  readonly elementSerial?: Uint8Array;
  readonly out: string;
}

export function compressCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  return command('compress', 'an X.509 certificate as the 72 bytes that a slot keeps of it', [COMPRESS])
    .requiredOption('--certificate <file>', 'PEM or DER; ECDSA with SHA-256 by P-256')
    .requiredOption('--template-id <id>', '0 to 15', nibble)
    .requiredOption('--chain-id <id>', '0 to 15', nibble)
    .addOption(
      new Option('--serial-source <source>', 'what its serial number is made of')
        .choices(Object.keys(SERIAL_SOURCES))
        .makeOptionMandatory(),
    )
    .option('--element-serial <hex>', 'the nine bytes of the element, where that is made of them', hexBytes(9))
    .requiredOption('--out <file>', 'what is written: an image for a slot of 72 bytes')
    .action(async (options: CompressOptions) => {
      const certificate = await readCertificate(options.certificate);
      const compressed = orUsage(options.certificate, () => compressCertificate(certificate, options));
      await writeOutput(options.out, compressed);
      const publicKey = `04${toHex(publicKeyOf(certificate))}`;
      tell(context, options, { out: options.out, publicKey, compressed: toHex(compressed) });
      end(0);
    });
}

interface ExpandOptions extends CommonOptions {
  readonly compressed: string;
  readonly template: string;
  readonly publicKey: Uint8Array;
  readonly elementSerial?: Uint8Array;
  readonly out: string;
}

export function expandCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  return command('expand', 'the X.509 certificate that 72 bytes of a slot stand for', [EXPAND])
    .requiredOption('--compressed <file>', '72 bytes')
    .requiredOption('--template <file>', 'a certificate of the same kind, PEM or DER')
    .requiredOption('--public-key <hex>', 'as records have it (SEC 1, uncompressed)', hexBytes(65))
    .option(
      '--element-serial <hex>',
      'the nine bytes of the element, where its serial number is made of them',
      hexBytes(9),
    )
    .requiredOption('--out <file>', 'what is written: DER')
    .action(async (options: ExpandOptions) => {
      const template = await readCertificate(options.template);
      const compressed = await readInput(options.compressed);
      const { out, publicKey, elementSerial } = options;
      const made = orUsage(options.compressed, () =>
        expandCertificate(compressed, template, publicKey.subarray(1), elementSerial),
      );
      await writeOutput(out, made);
      const { issued, expireYears, signerId, templateId, chainId, serialSource } = readCompressed(compressed);
      tell(context, options, { out, issued, expireYears, signerId, templateId, chainId, serialSource });
      end(0);
    });
}

function tell(context: CliContext, { json }: CommonOptions, told: Record<string, unknown>): void {
  if (json) context.print(JSON.stringify({ type: 'certificate', ...told }));
  else for (const [name, value] of Object.entries(told)) context.print(`${name}: ${JSON.stringify(value)}`);
}

const PEM = /-----BEGIN CERTIFICATE-----([\sA-Za-z0-9+/=]+)-----END CERTIFICATE-----/u;

async function readCertificate(file: string): Promise<Uint8Array> {
  const bytes = await readInput(file);
  const armoured = PEM.exec(new TextDecoder('latin1').decode(bytes))?.[1];
  return armoured === undefined ? bytes : Uint8Array.from(Buffer.from(armoured, 'base64'));
}

/** What the file cannot be, in its own words. */
function orUsage<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new FlashlineError('usage', { where: { file }, params: { detail: `${file}: ${error.message}` } });
  }
}

function nibble(value: string): number {
  const id = Number(value);
  if (/^\d+$/u.test(value) && id <= 15) return id;
  throw new InvalidArgumentError('0 to 15');
}

function hexBytes(size: number): (value: string) => Uint8Array {
  return (value) => {
    if (new RegExp(`^[0-9a-fA-F]{${2 * size}}$`, 'u').test(value)) return fromHex(value.toLowerCase());
    throw new InvalidArgumentError(`${size} bytes in hexadecimal`);
  };
}
