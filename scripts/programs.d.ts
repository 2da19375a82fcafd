export declare const debianPrograms: readonly {
  readonly program: string;
  readonly debian: string;
  readonly probe: string;
}[];
