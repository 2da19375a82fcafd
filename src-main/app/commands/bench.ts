import { Command, Option } from 'commander';
import { Interface } from '#shared/model/recipe.ts';
import { PROBES } from '../../bench/probe-profile.ts';
import { ADAPTERS } from '../offers/offer.ts';
import { benchServe, type ServeOptions } from './bench-serve.ts';
import { type CliContext, command, type ExitCode, withExamples } from './command.ts';

const EXAMPLES = [
  'bench serve --chip nrf52840 --as tcp:3333',
  'bench serve --chip nrf52840 --as usbip:127.0.0.1:3240 --probe hid --count 2',
];

export function benchCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  const serve = command('serve', 'offers a simulated device to other programs, until it is stopped', EXAMPLES)
    .requiredOption('--chip <chip>', 'which chip to simulate')
    .requiredOption(
      '--as <what>',
      'tcp:<port>: on 127.0.0.1, a gdb server or what the interface is; bitbang:<port>: JTAG pins there, for OpenOCD; usbip:<host>:<port>: USB devices; pty:<link>: a serial port at that path; port 0 takes any free one',
    )
    .addOption(
      new Option('--interface <interface>', 'which of the chip’s interfaces (default: the first it has)').choices(
        Interface.options,
      ),
    )
    .option('--serial <serial>', "the simulated unit, which decides its hardware id; also the probe's serial", 'BENCH')
    .addOption(
      new Option(
        '--probe <kind>',
        'usbip: CMSIS-DAP by bulk at high or full speed (v2) or HID (v1); ftdi: JTAG, SPI or I2C by an FT2232H; mcp2221: I2C',
      )
        .choices([...Object.keys(PROBES), ...ADAPTERS])
        .default('high-speed'),
    )
    .option('--count <number>', 'usbip: as many probes, alike to the serial, each with a unit of its own', '1')
    .option('--haste <factor>', 'pty and tcp: as much faster passes what somebody waits for the unit', '10')
    .action(async (options: ServeOptions) => {
      await benchServe(options, context);
      end(0);
    });
  return withExamples(new Command('bench'), EXAMPLES).description('the virtual bench').addCommand(serve);
}
