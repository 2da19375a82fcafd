export type FaultKind =
  | 'lost'
  | 'foreign'
  | 'doubled'
  | 'changed'
  | 'hash'
  | 'column'
  | 'simulated'
  | 'gap'
  | 'head'
  | 'signature'
  | 'unit'
  | 'yield'
  | 'runs'
  | 'lease'
  | 'station-file';

export interface Fault {
  readonly kind: FaultKind;
  readonly where: string;
  readonly detail: string;
}
