"""The edges of the histograms, in seconds."""

# The targets of the specification (1, 50, 100 and 500 ms) are exact edges, so that "share below target" is exact.
OPERATION_BUCKETS = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.075,
    0.1,
    0.15,
    0.25,
    0.5,
    0.75,
    1,
    2.5,
    5,
    10,
    15,
    20,
    30,
)

# Fine around the one millisecond that the specification allows for choosing a provider.
OVERHEAD_BUCKETS = (0.00005, 0.0001, 0.00025, 0.0005, 0.00075, 0.001, 0.0015, 0.0025, 0.005, 0.01, 0.05)

# An append to a local file takes tenths of a millisecond, one to a remote database milliseconds.
JOURNAL_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

# From "at once" to the hour that the journal remembers; the thresholds of the alerts (300 and 2880 s) are exact edges.
LAG_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 2880, 3600)
