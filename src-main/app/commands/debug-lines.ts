import { hexAddress } from '#shared/base/bytes.ts';
import type { Reach } from '#shared/model/unit-record.ts';
import { componentName } from '../../target/coresight-parts.ts';
import type { DebugView } from '../../target/debug-view.ts';
import { manufacturerName } from '../../target/manufacturers.ts';
import type { Component } from '../../target/rom-table.ts';

const WIDTH = 16;

/** What the debug registers tell, a line each; with `tree` the ROM table too. */
export function debugLines(view: DebugView, tree: boolean): string[] {
  const { debugPort, accessPorts, core, part, components } = view;
  const { value, version, designer, part: number } = debugPort;
  return [
    line('debug port', `${hexAddress(value)} (DPv${version}, ${manufacturerName(designer)} 0x${number.toString(16)})`),
    ...accessPorts.map(({ at, id, base }) =>
      line(`AP ${at > 0xff ? hexAddress(at) : at}`, `${hexAddress(id.value)} (${id.name})${baseText(base)}`),
    ),
    line('core', core ? `${core.name} (${hexAddress(core.value)})` : 'cannot be read'),
    ...(part ? [line('part', part.name)] : []),
    ...(tree && components ? treeLines(components, 0) : []),
  ];
}

function baseText(base: number | undefined): string {
  return base === undefined ? '' : `, ROM table at ${hexAddress(base)}`;
}

function treeLines({ address, id, entries }: Component, depth: number): string[] {
  const maker = id && manufacturerName(id.designer);
  const name = id ? (componentName(id) ?? `${id.class}, ${maker} 0x${id.part.toString(16)}`) : 'nothing answers';
  const indent = ' '.repeat(WIDTH + 2 * depth);
  return [`${indent}${hexAddress(address)}  ${name}`, ...entries.flatMap((entry) => treeLines(entry, depth + 1))];
}

/** The probe, and the clock of its wire. */
export function reachLines({
  vendor,
  product,
  serial,
  firmware,
  protocol,
  askedHz,
  usedHz,
  limitedBy,
}: Reach): string[] {
  const probe = [vendor, product, serial, firmware].filter((text) => text !== '').join(' ');
  if (usedHz === undefined) return [line('probe', probe)];
  const clock = `${protocol.toUpperCase()} at ${usedHz / 1000} kHz`;
  const lowered =
    limitedBy === undefined ? '' : ` instead of ${(askedHz ?? usedHz) / 1000} (limited by the ${WORDS[limitedBy]})`;
  return [line('probe', probe), line('wire', clock + lowered)];
}

const WORDS = { probe: 'probe', noise: 'noise on the wire' } as const;

export function line(name: string, value: string): string {
  return `${name.padEnd(WIDTH - 1)} ${value}`;
}
