"""Files as pandas and pyarrow write them when nothing else is said.

Usage: frames.py FOLDER
"""

import datetime
import sys
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

folder = Path(sys.argv[1])

noon = datetime.datetime(2024, 2, 29, 12)

# What people have in frames; in the second row nothing but what tells it from the first.
frame = pd.DataFrame({
    'id': [1, 2],
    'text': ['ä', None],
    'category': pd.Categorical(['x', None]),
    'grade': pd.Categorical([10, 20]),
    'flag': pd.array([True, None], dtype='boolean'),
    'whole': pd.array([7, None], dtype='Int64'),
    'amount': [0.1, float('nan')],
    'moment': pd.to_datetime(['2024-02-29 12:34:56.123456', None]),
    'zoned': pd.to_datetime(['2024-07-01 12:00', None]).tz_localize('Europe/Berlin'),
    'day': [datetime.date(2024, 2, 29), None],
    'clock': [datetime.time(12, 34, 56, 1), None],
    'price': [Decimal('-123.45'), None],
    'span': pd.to_timedelta(['1 day', None]),
    'raw': [b'\x00\xff', None],
    'tags': [['a', 'b'], None],
    'nothing': [None, None],
})
frame.to_parquet(folder / 'frame.parquet')
# The same as the client of the contract asks pyarrow for it.
frame[['id', 'moment', 'zoned', 'nothing']].to_parquet(
    folder / 'int96.parquet', use_deprecated_int96_timestamps=True)

# An index of names, and what is left of one when rows are chosen, is a column; that of a new frame is none.
pd.DataFrame({'id': [1, 2]}, index=['x', 'y']).to_parquet(folder / 'names.parquet')
chosen = pd.DataFrame({'id': [1, 2, 3]})
chosen[chosen['id'] != 2].to_parquet(folder / 'chosen.parquet')

moments = [pd.Timestamp(noon), pd.Timestamp('2024-02-29 12:34:56.123456789')]
pd.DataFrame({'id': [1, 2], 'moment': moments}).to_parquet(folder / 'nanoseconds.parquet')
pd.DataFrame({'id': pd.Series([], dtype='int64'), 'text': pd.Series([], dtype='object')}).to_parquet(
    folder / 'empty.parquet')

columns = {
    'int8': pa.array([-8], pa.int8()),
    'int16': pa.array([-16], pa.int16()),
    'uint8': pa.array([8], pa.uint8()),
    'uint16': pa.array([16], pa.uint16()),
    'uint32': pa.array([2**32 - 1], pa.uint32()),
    'uint64': pa.array([2**64 - 1], pa.uint64()),
    'half': pa.array([0.5], pa.float16()),
    'float': pa.array([0.5], pa.float32()),
    'dictionary': pa.array(['x']).dictionary_encode(),
    'large': pa.array(['y'], pa.large_string()),
    'fixed': pa.array([b'\x01\x02'], pa.binary(2)),
    'seconds': pa.array([noon], pa.timestamp('s')),
    'millis': pa.array([noon], pa.timestamp('ms', tz='UTC')),
    'nanos': pa.array([noon], pa.timestamp('ns')),
    'date64': pa.array([noon.date()], pa.date64()),
    'time32': pa.array([noon.time()], pa.time32('ms')),
    'time64': pa.array([noon.time()], pa.time64('ns')),
    'wide': pa.array([Decimal('1.25')], pa.decimal256(40, 2)),
    'list': pa.array([[1, None]], pa.list_(pa.int64())),
    'struct': pa.array([{'a': 1, 'b': 'x'}]),
    'null': pa.nulls(1),
}
pq.write_table(pa.table(columns), folder / 'pyarrow.parquet')
