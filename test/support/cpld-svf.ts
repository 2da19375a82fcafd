import { CPLD_IDCODE, CPLD_INSTRUCTION as I } from '#main/bench/jtag/cpld.ts';

/** What to write into the bench's CPLD: rows of 32 hexadecimal digits. */
export interface CpldProgram {
  readonly rows: readonly string[];
  /** Before the verification the rows are exchanged for these. */
  readonly expected?: readonly string[];
  /**
   * The wait after a row; the part needs a millisecond. Left out, it is given in clocks too, enough for OpenOCD's
   * remote_bitbang: it sleeps before it has sent what it waits for, so that only clocks reach the part as time.
   */
  readonly rowWait?: string;
}

/** An SVF file that identifies, erases, programs and verifies the bench's CPLD, and the lines of its row checks. */
export function cpldSvf({ rows, expected = rows, rowWait = '300 TCK 1.1E-3 SEC' }: CpldProgram): {
  readonly text: string;
  readonly rowLines: readonly number[];
} {
  const lines = [
    '! the CPLD of the bench',
    'TRST OFF;',
    'ENDIR IDLE; ENDDR IDLE;',
    'STATE RESET;',
    'STATE IDLE;',
    'FREQUENCY 4E6 HZ;',
    `SIR 8 TDI (${hex(I.idcode)}) SMASK (FF);`,
    `SDR 32 TDI (00000000) TDO (${hex(CPLD_IDCODE, 8)}) MASK (0FFFFFFF);`,
    `SIR 8 TDI (${hex(I.enable)});`,
    'RUNTEST IDLE 5 TCK 2.0E-5 SEC;',
    `SIR 8 TDI (${hex(I.erase)}) TDO (09) MASK (1F);`,
    'RUNTEST 30000 TCK 1.2E-1 SEC MAXIMUM 1 SEC;',
    `SIR 8 TDI (${hex(I.address)});`,
    'SDR 8 TDI (00);',
    `SIR 8 TDI (${hex(I.program)});`,
  ];
  for (const row of rows) lines.push(`SDR 128 TDI (${row.slice(0, 16)}`, `  ${row.slice(16)});`, `RUNTEST ${rowWait};`);
  lines.push(
    `SIR 8 TDI (${hex(I.programDone)});`,
    'RUNTEST 500 TCK 2.0E-3 SEC;',
    `SIR 8 TDI (${hex(I.address)});`,
    'SDR 8 TDI (00);',
    `SIR 8 TDI (${hex(I.read)}) TDO (0D) MASK (1F);`,
  );
  const rowLines = expected.map((row, index) => {
    const mask = index === 0 ? ` MASK (${'F'.repeat(32)})` : '';
    lines.push(`SDR 128 TDI (${'0'.repeat(32)}) // row ${index}`, `  TDO (${row})${mask};`);
    return lines.length - 1;
  });
  lines.push(`SIR 8 TDI (${hex(I.disable)});`, 'STATE RESET;', '');
  return { text: lines.join('\n'), rowLines };
}

function hex(value: number, digits = 2): string {
  return value.toString(16).toUpperCase().padStart(digits, '0');
}
