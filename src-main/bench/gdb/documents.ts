/** The documents that qXfer hands out. */

/** nRF52840 PS v1.1, 4.2 Memory. */
export const NRF52840_MEMORY_MAP = `<?xml version="1.0"?>
<!DOCTYPE memory-map PUBLIC "+//IDN gnu.org//DTD GDB Memory Map V1.0//EN" "http://sourceware.org/gdb/gdb-memory-map.dtd">
<memory-map>
  <memory type="flash" start="0x0" length="0x100000"><property name="blocksize">0x1000</property></memory>
  <memory type="rom" start="0x10000000" length="0x1000"/>
  <memory type="flash" start="0x10001000" length="0x1000"><property name="blocksize">0x1000</property></memory>
  <memory type="ram" start="0x20000000" length="0x40000"/>
  <memory type="ram" start="0x40000000" length="0x40000"/>
  <memory type="ram" start="0x50000000" length="0x1000"/>
  <memory type="ram" start="0xe0000000" length="0x100000"/>
</memory-map>
`;

const NAMES = [...Array.from({ length: 13 }, (_, index) => `r${index}`), 'sp', 'lr', 'pc', 'xpsr'];
const TYPES: Readonly<Record<string, string>> = { sp: 'data_ptr', pc: 'code_ptr' };

/** r0-r12, sp, lr, pc, xpsr: numbers 0 to 16 in g, p and P. */
export const CORE_REGISTERS = NAMES.length;

export const TARGET_XML = `<?xml version="1.0"?>
<!DOCTYPE target SYSTEM "gdb-target.dtd">
<target version="1.0">
  <architecture>arm</architecture>
  <feature name="org.gnu.gdb.arm.m-profile">
${NAMES.map((name) => `    <reg name="${name}" bitsize="32" type="${TYPES[name] ?? 'int'}"/>`).join('\n')}
  </feature>
</target>
`;
