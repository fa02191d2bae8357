// The live page of one ward: vitals as they come, alerts at once, and no gap after a reconnect.
const ward = Number(new URLSearchParams(location.search).get("ward") ?? 1);
const overlapMs = 60000;
const seen = new Map();
let sinceMs = 0;

function row(id) {
  let line = document.getElementById(`patient-${id}`);
  if (!line) {
    line = document.createElement("li");
    line.id = `patient-${id}`;
    document.querySelector("#patients")?.append(line);
  }
  return line;
}

function show(event) {
  if (event.type === "hello") {
    sinceMs = Math.max(sinceMs, event.at_ms);
  } else if (event.type === "vitals") {
    for (const reading of event.readings) {
      row(reading.patient_id).textContent =
        `${reading.patient_id}: ${reading.heart_rate} bpm, ${reading.spo2} %, ${reading.systolic} mmHg`;
    }
  } else if (event.type === "alert" && !seen.has(event.alert.id)) {
    seen.set(event.alert.id, event.alert.raised_at_ms);
    sinceMs = Math.max(sinceMs, event.alert.raised_at_ms);
    row(event.alert.patient_id).classList.add("alert");
  }
}

function connect(attempt) {
  const known = [...seen].filter(([, raisedMs]) => raisedMs > sinceMs - overlapMs).slice(-64);
  const ids = known.length ? `&seen=${known.map(([id]) => id)}` : "";
  const resume = sinceMs ? `&since_ms=${sinceMs}${ids}` : "";
  const socket = new WebSocket(`ws://${location.host}/v1/live?ward=${ward}${resume}`);
  socket.onmessage = (message) => {
    attempt = 0;
    show(JSON.parse(message.data));
  };
  socket.onclose = () => {
    const wait = Math.min(5000, 200 * 2 ** attempt) * (0.5 + Math.random() / 2);
    setTimeout(() => connect(attempt + 1), wait);
  };
}

connect(0);
