"""The documented example of executing a data job, with the server's address as an argument.

Usage: execute.py BASE_URL API_KEY POOL_ID JOB_ID FULL|DELTA

Prints the final status; ends with 0 whatever it is, and with 1 when a call fails or takes too long.
"""

import sys
import time

import requests

base_url = sys.argv[1].rstrip('/')
api_key = sys.argv[2]  # the API key
pool_id = sys.argv[3]  # the Data Pool ID
data_job_id = sys.argv[4]  # the Data Job ID
data_job_mode = sys.argv[5]  # the mode of the Data Job

headers = {'authorization': "Bearer {}".format(api_key)}

url = "{}/integration/api/v2/data-pools/{}/data-jobs/{}/execute?mode={}".format(
    base_url, pool_id, data_job_id, data_job_mode)
requests.post(url, headers=headers, timeout=30).raise_for_status()

url = "{}/integration/api/pools/{}/jobs/{}".format(base_url, pool_id, data_job_id)
for _ in range(600):
    response = requests.get(url, headers=headers, timeout=30)
    response.raise_for_status()
    status = response.json()['status']
    if status not in ('QUEUED', 'RUNNING'):
        print(status)
        sys.exit(0)
    time.sleep(0.1)
sys.exit("the job was still {} after a minute".format(status))
