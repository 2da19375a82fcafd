import { APP_ROLE } from '../migration.ts';

/** What the plant's commands were used for: which unit was given what, and whose use of a command was for nothing. */
export const commands = {
  version: 8,
  sql: `
    -- Whoever has its row counts by turns; what a command is stands in the server's own file.
    CREATE TABLE plant_commands (
      name  text PRIMARY KEY,
      -- Rows of command_uses that gave something.
      given bigint NOT NULL DEFAULT 0
    );

    CREATE TABLE command_uses (
      id       bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
      -- What the program is told: the same however often one use is tried.
      use      text PRIMARY KEY,
      command  text NOT NULL REFERENCES plant_commands (name),
      -- SHA-256 (hex) of what has one use only: command, product, release, serial and hardware id, or a station's request.
      unit     text NOT NULL,
      -- What the unit has of this command; one that failed, or was let go, is not.
      live     boolean NOT NULL DEFAULT true,
      state    text NOT NULL CHECK (state IN ('begun', 'given', 'failed', 'lost')),
      product  text NOT NULL,
      release  text NOT NULL,
      serial   text NOT NULL,
      uid      text,
      -- SHA-256 (hex) of what the unit brought: other values are another question.
      brought  text NOT NULL,
      -- Whose request began it.
      station  text NOT NULL,
      request  text NOT NULL,
      begun_at timestamptz NOT NULL,
      -- Until then somebody may be at work with it.
      held_until timestamptz NOT NULL,
      ended_at timestamptz,
      ms       integer,
      detail   text,
      sha256   text,
      size     integer,
      data     bytea,
      -- The bytes are not kept after that; null: for good.
      data_until timestamptz,
      CHECK ((state = 'given') = (sha256 IS NOT NULL))
    );
    CREATE UNIQUE INDEX command_uses_of_unit ON command_uses (unit) WHERE live;
    CREATE INDEX command_uses_newest ON command_uses (command, id);
    CREATE INDEX command_uses_begun ON command_uses (command, begun_at);
    CREATE INDEX command_uses_open ON command_uses (command) WHERE state IN ('begun', 'lost');
    CREATE INDEX command_uses_of_serial ON command_uses (serial);
    CREATE INDEX command_uses_brief ON command_uses (data_until) WHERE data IS NOT NULL;
    -- Whatever a program gives is small enough, or packed by it.
    ALTER TABLE command_uses ALTER COLUMN data SET STORAGE EXTERNAL;

    CREATE TABLE command_requests (
      station text NOT NULL,
      request text NOT NULL,
      -- SHA-256 (hex) of all that was asked.
      asked   text NOT NULL,
      use     text NOT NULL REFERENCES command_uses (use),
      at      timestamptz NOT NULL,
      PRIMARY KEY (station, request)
    );

    -- Made once, and never another.
    CREATE FUNCTION refuse_second_data() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF OLD.state = 'given' AND (NEW.state <> 'given' OR NEW.sha256 <> OLD.sha256 OR NEW.size <> OLD.size
          OR (NEW.data IS NOT NULL AND NEW.data IS DISTINCT FROM OLD.data)) THEN
        RAISE EXCEPTION 'what a unit was given is never changed';
      END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER command_uses_stay BEFORE UPDATE ON command_uses FOR EACH ROW EXECUTE FUNCTION refuse_second_data();

    GRANT SELECT, INSERT ON plant_commands, command_uses, command_requests TO ${APP_ROLE};
    GRANT UPDATE (given) ON plant_commands TO ${APP_ROLE};
    GRANT UPDATE (live, state, brought, begun_at, held_until, ended_at, ms, detail, sha256, size, data, data_until)
      ON command_uses TO ${APP_ROLE};
  `,
} as const;
