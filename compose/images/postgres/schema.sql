-- The tables of the platform. Run once, as the role gameday, in the database gameday.

CREATE TABLE patients (
    id              integer     PRIMARY KEY,
    name            text        NOT NULL,
    ward            integer     NOT NULL,
    heart_rate_low  integer     NOT NULL DEFAULT 45,
    heart_rate_high integer     NOT NULL DEFAULT 130,
    spo2_low        integer     NOT NULL DEFAULT 90,
    systolic_high   integer     NOT NULL DEFAULT 180,
    -- Grows with each change of the thresholds; an older one never replaces a newer one.
    version         bigint      NOT NULL DEFAULT 1,
    updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX patients_ward ON patients (ward, id);

CREATE TABLE readings (
    reading_id  uuid        PRIMARY KEY,
    patient_id  integer     NOT NULL,
    taken_at_ms bigint      NOT NULL,
    heart_rate  integer     NOT NULL,
    spo2        integer     NOT NULL,
    systolic    integer     NOT NULL,
    stored_at   timestamptz NOT NULL DEFAULT now(),
    -- False for a reading that came past the queue: a worker still has to compare it with the thresholds.
    evaluated   boolean     NOT NULL DEFAULT true
);
CREATE INDEX readings_patient ON readings (patient_id, taken_at_ms DESC);
CREATE INDEX readings_unevaluated ON readings (stored_at) WHERE NOT evaluated;

CREATE TABLE alerts (
    -- Follows from the reading and the kind: whoever raises an alert, and however often, it is one row.
    id           uuid        PRIMARY KEY,
    -- In the order of storing.
    number       bigserial   NOT NULL,
    reading_id   uuid        NOT NULL,
    patient_id   integer     NOT NULL,
    ward         integer     NOT NULL,
    kind         text        NOT NULL,
    value        integer     NOT NULL,
    -- By the clock of whoever raised it, which may be long before it was stored.
    raised_at    timestamptz NOT NULL,
    -- When it was handed to the live streams and to the queue of pages; null means not for sure.
    announced_at timestamptz
);
CREATE UNIQUE INDEX alerts_number ON alerts (number);
CREATE INDEX alerts_ward ON alerts (ward, raised_at DESC);
CREATE INDEX alerts_unannounced ON alerts (number) WHERE announced_at IS NULL;

INSERT INTO patients (id, name, ward, heart_rate_low, heart_rate_high, spo2_low, systolic_high)
SELECT p,
       (ARRAY['Ada', 'Amir', 'Anna', 'Ben', 'Chen', 'Clara', 'Dario', 'Elif', 'Emil', 'Fatima',
              'Grace', 'Hana', 'Ivan', 'Jonas', 'Kofi', 'Lena', 'Luca', 'Maria', 'Mei', 'Nadia',
              'Noah', 'Olga', 'Omar', 'Paul', 'Priya', 'Rosa', 'Samir', 'Sofia', 'Tomas', 'Yuki'])[1 + (p * 7) % 30]
       || ' ' ||
       (ARRAY['Abbott', 'Adeyemi', 'Bauer', 'Costa', 'Dubois', 'Eriksen', 'Fischer', 'Garcia', 'Haddad', 'Ivanova',
              'Jensen', 'Kaya', 'Kowalski', 'Lindberg', 'Mensah', 'Moreau', 'Nakamura', 'Novak', 'Okafor', 'Patel',
              'Petrov', 'Rossi', 'Schmidt', 'Silva', 'Suzuki', 'Tanaka', 'Vargas', 'Weber', 'Yilmaz', 'Zhang'])[1 + (p / 30 + p * 11) % 30],
       1 + (p - 1) % 40,
       -- Most patients have the usual limits; some have limits of their own, as on a real ward.
       CASE WHEN p % 10 = 3 THEN 50 ELSE 45 END,
       CASE WHEN p % 10 = 5 THEN 120 ELSE 130 END,
       CASE WHEN p % 20 = 7 THEN 88 ELSE 90 END,
       CASE WHEN p % 10 = 9 THEN 170 ELSE 180 END
FROM generate_series(1, 2000) AS p;

ANALYZE patients;
