/** One change of a setting: its new value as it was typed, by whom and when (UTC, ISO 8601). */
export interface SettingChange {
  readonly name: string;
  readonly value: string;
  readonly by: string;
  readonly at: string;
}

/** The station's settings, and who changed them. What it resolves is on disk; it rejects with `log-unwritable`. */
export interface SettingsStore {
  /** The newest change of each setting that was ever changed. */
  newest(): Promise<readonly SettingChange[]>;
  /** Newest first. */
  changes(name: string, limit: number): Promise<readonly SettingChange[]>;
  change(change: SettingChange): Promise<void>;
}
