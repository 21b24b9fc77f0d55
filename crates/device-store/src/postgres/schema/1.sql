CREATE SCHEMA device_store;

CREATE TABLE device_store.schema (version integer NOT NULL);
INSERT INTO device_store.schema VALUES (1);

CREATE TABLE device_store.record (
    kind text COLLATE "C" NOT NULL,
    id bytea NOT NULL,
    owner bigint NOT NULL, -- hash of pool and user, the first two parts of the id
    version bigint NOT NULL,
    expires_at bigint, -- milliseconds since the epoch
    body text NOT NULL, -- JSON
    PRIMARY KEY (kind, id, owner)
) PARTITION BY HASH (owner);

CREATE TABLE device_store.record_00 PARTITION OF device_store.record FOR VALUES WITH (MODULUS 16, REMAINDER 0);
CREATE TABLE device_store.record_01 PARTITION OF device_store.record FOR VALUES WITH (MODULUS 16, REMAINDER 1);
CREATE TABLE device_store.record_02 PARTITION OF device_store.record FOR VALUES WITH (MODULUS 16, REMAINDER 2);
CREATE TABLE device_store.record_03 PARTITION OF device_store.record FOR VALUES WITH (MODULUS 16, REMAINDER 3);
CREATE TABLE device_store.record_04 PARTITION OF device_store.record FOR VALUES WITH (MODULUS 16, REMAINDER 4);
CREATE TABLE device_store.record_05 PARTITION OF device_store.record FOR VALUES WITH (MODULUS 16, REMAINDER 5);
CREATE TABLE device_store.record_06 PARTITION OF device_store.record FOR VALUES WITH (MODULUS 16, REMAINDER 6);
CREATE TABLE device_store.record_07 PARTITION OF device_store.record FOR VALUES WITH (MODULUS 16, REMAINDER 7);
CREATE TABLE device_store.record_08 PARTITION OF device_store.record FOR VALUES WITH (MODULUS 16, REMAINDER 8);
CREATE TABLE device_store.record_09 PARTITION OF device_store.record FOR VALUES WITH (MODULUS 16, REMAINDER 9);
CREATE TABLE device_store.record_10 PARTITION OF device_store.record FOR VALUES WITH (MODULUS 16, REMAINDER 10);
CREATE TABLE device_store.record_11 PARTITION OF device_store.record FOR VALUES WITH (MODULUS 16, REMAINDER 11);
CREATE TABLE device_store.record_12 PARTITION OF device_store.record FOR VALUES WITH (MODULUS 16, REMAINDER 12);
CREATE TABLE device_store.record_13 PARTITION OF device_store.record FOR VALUES WITH (MODULUS 16, REMAINDER 13);
CREATE TABLE device_store.record_14 PARTITION OF device_store.record FOR VALUES WITH (MODULUS 16, REMAINDER 14);
CREATE TABLE device_store.record_15 PARTITION OF device_store.record FOR VALUES WITH (MODULUS 16, REMAINDER 15);

CREATE INDEX record_expiry ON device_store.record (expires_at) WHERE expires_at IS NOT NULL;

-- Applies a change whole, or not at all; true if it did. Every statement of a volatile function
-- sees what was committed before the statement, so the versions are read under the locks.
CREATE FUNCTION device_store.apply(
    locks bigint[], exclusive boolean[],
    expect_kind text[], expect_id bytea[], expect_owner bigint[], expect_version bigint[],
    put_kind text[], put_id bytea[], put_owner bigint[], put_expires_at bigint[], put_body text[],
    delete_kind text[], delete_id bytea[], delete_owner bigint[],
    new_version bigint
) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    item record;
    found_version bigint;
BEGIN
    FOR n IN 1 .. cardinality(locks) LOOP
        IF exclusive[n] THEN
            PERFORM pg_advisory_xact_lock(locks[n]);
        ELSE
            PERFORM pg_advisory_xact_lock_shared(locks[n]);
        END IF;
    END LOOP;

    FOR item IN
        SELECT * FROM unnest(expect_kind, expect_id, expect_owner, expect_version)
            AS e (kind, id, owner, version)
    LOOP
        SELECT r.version INTO found_version FROM device_store.record AS r
            WHERE r.kind = item.kind AND r.id = item.id AND r.owner = item.owner;
        IF found_version IS DISTINCT FROM item.version THEN
            RETURN false;
        END IF;
    END LOOP;

    FOR item IN
        SELECT * FROM unnest(put_kind, put_id, put_owner, put_expires_at, put_body)
            AS p (kind, id, owner, expires_at, body)
    LOOP
        INSERT INTO device_store.record AS r (kind, id, owner, version, expires_at, body)
            VALUES (item.kind, item.id, item.owner, new_version, item.expires_at, item.body)
            ON CONFLICT (kind, id, owner) DO UPDATE
            SET version = EXCLUDED.version, expires_at = EXCLUDED.expires_at, body = EXCLUDED.body;
    END LOOP;

    FOR item IN
        SELECT * FROM unnest(delete_kind, delete_id, delete_owner) AS d (kind, id, owner)
    LOOP
        DELETE FROM device_store.record AS r
            WHERE r.kind = item.kind AND r.id = item.id AND r.owner = item.owner;
    END LOOP;
    RETURN true;
END $$;
