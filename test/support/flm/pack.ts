import { Uint8ArrayReader, Uint8ArrayWriter, ZipWriter } from '@zip.js/zip.js';

/** A pack with one part, the nRF51822, as a maker's would be; `algorithm` is its FLM. */
export async function packOf(algorithm: Uint8Array, pdsc: string = PDSC): Promise<Uint8Array> {
  const zip = new ZipWriter(new Uint8ArrayWriter());
  await zip.add('Test.Parts_DFP.pdsc', new Uint8ArrayReader(new TextEncoder().encode(pdsc)));
  await zip.add('Flash/nrf51.FLM', new Uint8ArrayReader(algorithm));
  return zip.close();
}

export const PDSC = `<?xml version="1.0" encoding="utf-8"?>
<package schemaVersion="1.7.7">
  <vendor>Test</vendor>
  <name>Parts_DFP</name>
  <releases><release version="1.2.3">newest</release><release version="1.0.0">first</release></releases>
  <devices>
    <family Dfamily="nRF51" Dvendor="Nordic Semiconductor:54">
      <processor Dcore="Cortex-M0" Dclock="16000000"/>
      <memory id="IRAM1" start="0x20000000" size="0x4000" default="1"/>
      <debugconfig default="swd" clock="2000000"/>
      <subFamily DsubFamily="nRF51822">
        <device Dname="nRF51822_xxAA">
          <memory id="IROM1" start="0x00000000" size="0x40000" default="1" startup="1"/>
          <algorithm name="Flash\\nrf51.FLM" start="0x00000000" size="0x40000" RAMstart="0x20000000" RAMsize="0x2000" default="1"/>
          <algorithm name="Flash/uicr.FLM" start="0x10001000" size="0x100" default="0"/>
        </device>
        <device Dname="nRF51822">
          <memory id="IROM1" start="0x00000000" size="0x20000" default="1" startup="1"/>
          <algorithm name="Flash/nrf51.FLM" start="0x00000000" size="0x20000" default="1"/>
          <variant Dvariant="nRF51822_xxAB"/>
          <variant Dvariant="nRF51822_xxAC"><memory id="IRAM1" start="0x20000000" size="0x8000" default="1"/></variant>
        </device>
      </subFamily>
    </family>
  </devices>
</package>`;
