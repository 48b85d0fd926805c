"use strict";
// Plays the sounds of an item together and lets one of them through: switching is a cross-fade of
// 5 ms, at the same place in the music. The sounds come as base64 in scripts, because a browser
// refuses other ways to load them if the page was opened as a file.
(() => {
  const FADE_S = 0.005;
  const data = JSON.parse(document.getElementById("player-data").textContent);
  const byName = new Map(data.sounds.map((sound) => [sound.name, sound]));
  const main = data.sounds.filter((sound) => !sound.stem);
  const get = (id) => document.getElementById(id);
  const buffers = new Map();
  const voices = new Map(); // what plays: name -> {source, gain}
  const loading = new Map(); // file -> promise
  let arrived = [];
  let context = null;
  let master = null;
  let current = (main[main.length - 1] || data.sounds[0]).name;
  let offset = 0; // place in the music at `since`
  let since = 0; // context time
  let playing = false;
  let starts = 0; // how often play was asked for: an answer that comes late is ignored
  let loop = null;
  let mark = null;
  let matched = false;

  window.cadenzaSounds = (parts) => { arrived.push(...Object.entries(parts)); };

  const decode = (text) => {
    const bytes = atob(text);
    const array = new Uint8Array(bytes.length);
    for (let i = 0; i < bytes.length; i++) array[i] = bytes.charCodeAt(i);
    return context.decodeAudioData(array.buffer);
  };

  const load = (file) => {
    if (!loading.has(file)) {
      loading.set(file, new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = file;
        script.onload = resolve;
        script.onerror = () => reject(new Error(`${file} cannot be loaded`));
        document.head.append(script);
      }).then(async () => {
        const parts = arrived;
        arrived = [];
        await Promise.all(parts.map(async ([name, text]) => buffers.set(name, await decode(text))));
      }).catch((error) => { loading.delete(file); throw error; }));
    }
    return loading.get(file);
  };

  const ready = async (name) => {
    if (!context) {
      context = new AudioContext();
      master = context.createGain();
      master.gain.value = volume();
      master.connect(context.destination);
    }
    if (context.state === "suspended") await context.resume();
    await load(byName.get(name).stem ? "stems.js" : "audio.js");
    if (!byName.get(name).stem || main.length === 0) return;
    await load("audio.js");
  };

  const volume = () => 10 ** (Number(get("volume").value) / 20);
  const level = (name) => {
    if (name !== current) return 0;
    return matched ? 10 ** (byName.get(name).match_db / 20) : 1;
  };

  const wrapped = (place) => {
    if (loop && offset < loop[1] && place >= loop[1]) {
      return loop[0] + ((place - loop[0]) % (loop[1] - loop[0]));
    }
    return place;
  };
  const position = () => {
    if (!playing) return offset;
    return Math.min(wrapped(offset + Math.max(0, context.currentTime - since)), data.duration);
  };

  const startVoice = (name, when, place) => {
    const buffer = buffers.get(name);
    const source = context.createBufferSource();
    const gain = context.createGain();
    source.buffer = buffer;
    gain.gain.value = level(name);
    if (loop && place < loop[1]) {
      source.loop = true;
      source.loopStart = loop[0];
      source.loopEnd = Math.min(loop[1], buffer.duration);
    }
    source.connect(gain).connect(master);
    if (place < buffer.duration) source.start(when, place);
    voices.set(name, { source, gain });
  };

  const silence = () => {
    for (const { source, gain } of voices.values()) {
      gain.gain.setTargetAtTime(0, context.currentTime, FADE_S / 3);
      try { source.stop(context.currentTime + 2 * FADE_S); } catch { /* it had not begun */ }
    }
    voices.clear();
  };

  const begin = (place) => {
    if (voices.size) silence();
    offset = place >= data.duration - 0.01 ? 0 : place;
    since = context.currentTime + 0.03;
    for (const name of buffers.keys()) startVoice(name, since, offset);
    playing = true;
    show();
    requestAnimationFrame(tick);
  };

  const play = async () => {
    const mine = ++starts;
    say("Loading the sounds \u2026");
    try {
      await ready(current);
    } catch (error) {
      say(`The sounds cannot be played: ${error.message}`);
      return;
    }
    if (mine !== starts) return;
    say("");
    begin(offset);
  };

  const stop = () => {
    offset = position();
    starts++;
    if (playing) silence();
    playing = false;
    show();
  };

  const seek = (place) => {
    const to = Math.min(Math.max(place, 0), data.duration);
    if (playing) begin(to); else { offset = to; show(); }
  };

  const fade = () => {
    const now = context.currentTime;
    for (const [name, { gain }] of voices) {
      gain.gain.cancelScheduledValues(now);
      gain.gain.setValueAtTime(gain.gain.value, now);
      gain.gain.linearRampToValueAtTime(level(name), now + FADE_S);
    }
  };

  const choose = async (name) => {
    if (!byName.has(name)) return;
    current = name;
    show();
    if (!playing) return;
    if (!buffers.has(name)) {
      say("Loading the stems \u2026");
      try { await ready(name); } catch (error) { say(error.message); return; }
      say("");
      if (!playing) return;
      const when = context.currentTime + 0.03; // join those that play, at their place
      for (const other of buffers.keys()) {
        if (!voices.has(other)) startVoice(other, when, wrapped(offset + when - since));
      }
    }
    fade();
  };

  const setLoop = (from, to) => {
    loop = from === null || to - from < 0.05 ? null : [from, to];
    mark = null;
    if (playing) begin(loop ? loop[0] : position()); else { if (loop) offset = loop[0]; show(); }
  };

  const seconds = (place) => `${(data.start + place).toFixed(2)} s`;
  const say = (text) => { get("player-message").textContent = text; };

  const planes = [...document.querySelectorAll(".plane")].map((plane) => {
    const looped = document.createElement("div");
    const cursor = document.createElement("div");
    looped.className = "looped";
    cursor.className = "cursor";
    looped.hidden = true;
    plane.append(looped, cursor);
    return { plane, looped, cursor };
  });

  const showPlace = () => {
    const place = position();
    const part = `${(100 * place) / data.duration}%`;
    for (const { cursor } of planes) cursor.style.left = part;
    get("position").textContent = seconds(place);
    if (document.activeElement !== get("seek") || !held) get("seek").value = place;
    get("seek").setAttribute("aria-valuetext", seconds(place));
  };

  const showLoop = (range) => {
    for (const { looped } of planes) {
      looped.hidden = !range;
      if (!range) continue;
      looped.style.left = `${(100 * range[0]) / data.duration}%`;
      looped.style.width = `${(100 * (range[1] - range[0])) / data.duration}%`;
    }
  };

  const show = () => {
    for (const button of document.querySelectorAll("[data-sound]")) {
      button.setAttribute("aria-pressed", String(button.dataset.sound === current));
    }
    get("play").textContent = playing ? "\u25A0 Stop" : "\u25B6 Play";
    get("play").setAttribute("aria-label", playing ? "Stop" : "Play");
    get("match").setAttribute("aria-pressed", String(matched));
    get("loop-clear").disabled = !loop && mark === null;
    get("loop-shown").textContent = loop
      ? `Loop: ${seconds(loop[0])} to ${seconds(loop[1])}`
      : mark === null ? "" : `Loop from ${seconds(mark)} \u2026`;
    showLoop(loop);
    showPlace();
  };

  const tick = () => {
    if (!playing) return;
    if (position() >= data.duration - 0.005) { stop(); offset = 0; show(); return; }
    showPlace();
    requestAnimationFrame(tick);
  };

  let held = false;
  get("seek").addEventListener("pointerdown", () => { held = true; });
  get("seek").addEventListener("pointerup", () => { held = false; });
  get("seek").addEventListener("input", () => seek(Number(get("seek").value)));
  get("play").addEventListener("click", () => (playing ? stop() : play()));
  get("match").addEventListener("click", () => { matched = !matched; show(); if (playing) fade(); });
  get("volume").addEventListener("input", () => { if (master) master.gain.value = volume(); });
  get("loop-start").addEventListener("click", () => {
    const place = position();
    if (loop && place < loop[1]) setLoop(place, loop[1]);
    else { loop = null; mark = place; if (playing) begin(place); else show(); }
  });
  get("loop-end").addEventListener("click", () => {
    const from = loop ? loop[0] : mark === null ? 0 : mark;
    const to = position();
    if (to - from < 0.05) { say("The end of a loop must be after its start."); return; }
    say("");
    setLoop(from, to);
  });
  get("loop-clear").addEventListener("click", () => setLoop(null, null));
  for (const button of document.querySelectorAll("[data-sound]")) {
    button.addEventListener("click", () => choose(button.dataset.sound));
  }

  for (const { plane } of planes) {
    let from = null;
    const place = (event) => {
      const box = plane.getBoundingClientRect();
      return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * data.duration;
    };
    plane.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      from = place(event);
      plane.setPointerCapture(event.pointerId);
    });
    plane.addEventListener("pointermove", (event) => {
      if (from === null) return;
      const to = place(event);
      showLoop(Math.abs(to - from) > 0.05 ? [Math.min(from, to), Math.max(from, to)] : loop);
    });
    plane.addEventListener("pointerup", (event) => {
      if (from === null) return;
      const to = place(event);
      if (Math.abs(to - from) > 0.05) setLoop(Math.min(from, to), Math.max(from, to));
      else seek(to);
      from = null;
    });
    plane.addEventListener("pointercancel", () => { from = null; show(); });
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const target = event.target;
    if (target.matches("input[type=search], textarea, select")) return;
    const presses = target.matches("button, summary, a");
    const slides = target.matches("input[type=range]");
    if (event.key === " " && !presses) { event.preventDefault(); if (playing) stop(); else play(); }
    else if (event.key === "ArrowLeft" && !slides) { event.preventDefault(); seek(position() - 1); }
    else if (event.key === "ArrowRight" && !slides) { event.preventDefault(); seek(position() + 1); }
    else if (/^[1-9]$/.test(event.key) && data.sounds[event.key - 1]) choose(data.sounds[event.key - 1].name);
  });

  // for tests
  window.cadenzaPlayer = {
    position,
    isPlaying: () => playing,
    current: () => current,
    levels: () => Object.fromEntries([...voices].map(([name, { gain }]) => [name, gain.gain.value])),
    peaks: () => Object.fromEntries([...buffers].map(([name, buffer]) => {
      let peak = 0;
      for (const sample of buffer.getChannelData(0)) peak = Math.max(peak, Math.abs(sample));
      return [name, peak];
    })),
  };
  show();
})();
