-- One line of figures when a run of wrk is over. Nothing runs once a request.

done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format('{"wallMs":%f,"done":%d,"bytes":%d,"p50Ms":%f,"p99Ms":%f,"failed":%d}\n',
    summary.duration / 1000, summary.requests, summary.bytes,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
