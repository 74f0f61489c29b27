"""Files under names that appear when whole: on a disk or on an object store."""
