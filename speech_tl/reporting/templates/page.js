"use strict";
// The utterance browser. All text goes in as text nodes; nothing is fetched.
(() => {
  const source = document.getElementById("utterance-data");
  if (!source) return;
  const { rows, sides, columns, unit } = JSON.parse(source.textContent);
  const PAGE = 20;
  const paired = sides.join() === "before,after";
  const list = document.getElementById("utterance-list");
  const count = document.getElementById("utterance-count");
  const more = document.getElementById("utterance-more");
  const search = document.getElementById("utterance-search");
  const sort = document.getElementById("utterance-sort");
  const show = document.getElementById("utterance-show");

  const wrong = (edits) => edits.reduce((sum, [, heard]) => sum + (Array.isArray(heard) ? heard.length : 1), 0);
  const written = (said, edits) => {
    const words = said.map((word) => [word]);
    words.push([]);
    for (const [place, heard] of edits) {
      if (Array.isArray(heard)) words[place].unshift(...heard);
      else words[place][words[place].length - 1] = heard;
    }
    return words.flat().filter((word) => word !== null).join(" ");
  };
  const utterances = rows.map(([id, speaker, values, seconds, text, size, edits, sound], number) => {
    const said = text ? text.split(" ") : [];
    const pairs = edits.flat().map(([place, heard]) =>
      Array.isArray(heard) ? heard.map((word) => `→ ${word}`).join(" ") : `${said[place]} → ${heard ?? ""}`);
    const spoken = unit === "character" ? [text.replaceAll(" ", "").replaceAll("\u2423", " ")] : [];
    const texts = [id, speaker, ...values, text, ...spoken, ...edits.map((side) => written(said, side)), ...pairs];
    const counts = edits.map(wrong);
    return { number, id, speaker, values, seconds, said, size, edits, sound, counts, change: counts.at(-1) - counts[0],
      most: Math.max(...counts), least: Math.min(...counts), haystack: `\n${texts.map((line) => ` ${line.trim()} `).join("\n")}\n`.toLocaleLowerCase() };
  });

  // "a → b" is a whole confusion, "a" in quotes a whole word, anything else a part of any text.
  const needle = (typed) => {
    const wanted = typed.trim().toLocaleLowerCase();
    if (wanted.includes("→")) return `\n ${wanted} \n`;
    return /^".+"$/.test(wanted) ? ` ${wanted.slice(1, -1)} ` : wanted;
  };

  const orders = {
    improved: (a, b) => a.change - b.change,
    worsened: (a, b) => b.change - a.change,
    after: (a, b) => b.counts.at(-1) - a.counts.at(-1),
    before: (a, b) => b.counts[0] - a.counts[0],
    differing: (a, b) => (b.most - b.least) - (a.most - a.least),
    hardest: (a, b) => b.least - a.least || b.most - a.most,
    longest: (a, b) => (b.seconds ?? 0) - (a.seconds ?? 0) || b.size - a.size,
    speaker: (a, b) => a.speaker.localeCompare(b.speaker, undefined, { numeric: true }),
    order: () => 0,
  };
  const kinds = {
    all: () => true,
    better: (one) => one.change < 0,
    worse: (one) => one.change > 0,
    wrong: (one) => one.counts.at(-1) > 0,
    right: (one) => one.counts.at(-1) === 0,
    differ: (one) => one.most > one.least,
    nobody: (one) => one.least > 0,
    everybody: (one) => one.most === 0,
    sound: (one) => one.sound !== null,
  };

  const make = (tag, css, ...content) => {
    const element = document.createElement(tag);
    if (css) element.className = css;
    element.append(...content);
    return element;
  };

  // One column for each word that was said or added: said, then what each side made of it, one below the other.
  const columnsOf = (one) => {
    const heard = one.edits.map((edits) => {
      const side = { changed: new Map(), added: new Map() };
      for (const [place, heard] of edits) (Array.isArray(heard) ? side.added : side.changed).set(place, heard);
      return side;
    });
    const found = [];
    for (let place = 0; place <= one.said.length; place++) {
      const added = heard.map((side) => side.added.get(place) ?? []);
      for (let extra = 0; extra < Math.max(...added.map((words) => words.length)); extra++)
        found.push([null, ...added.map((words) => (extra < words.length ? ["ins", words[extra]] : null))]);
      if (place < one.said.length)
        found.push([one.said[place], ...heard.map((side) => {
          if (!side.changed.has(place)) return ["ok", one.said[place]];
          const word = side.changed.get(place);
          return word === null ? ["del", one.said[place]] : ["sub", word];
        })]);
    }
    return found;
  };
  const MARKS = { ok: "span", sub: "mark", del: "del", ins: "ins" };
  const cell = (side) => (side === null ? make("span", "none", "\u00a0") : make(MARKS[side[0]], side[0], side[1]));
  const aligned = (one) => {
    const box = make("div", "flow");
    for (const [said, ...heard] of columnsOf(one))
      box.append(make("span", "column", make("b", "", said ?? "\u00a0"), ...heard.map(cell)));
    if (!one.said.length) box.append(make("span", "soft", "(nothing was said)"));
    const names = make("span", "column names", make("b", "", "said"), ...sides.map((name) => Object.assign(make("span", "", name), { title: name })));
    const whole = make("div", "aligned", names, box);
    box.dir = "auto";
    return whole;
  };

  let playing = null;
  const stop = () => {
    if (!playing) return;
    playing.audio.pause();
    playing.button.textContent = "▶ play";
    playing = null;
  };
  const player = (one) => {
    const button = make("button", "play", "▶ play");
    button.type = "button";
    button.setAttribute("aria-label", `play ${one.id}`);
    button.addEventListener("click", () => {
      const again = playing && playing.button === button;
      stop();
      if (again) return;
      const audio = new Audio(one.sound);
      const mine = { audio, button };
      playing = mine;
      button.textContent = "■ stop";
      const failed = () => { if (playing === mine) { stop(); button.textContent = "no sound"; button.disabled = true; } };
      audio.addEventListener("timeupdate", () => { button.dataset.played = audio.currentTime; });
      audio.addEventListener("ended", () => { if (playing === mine) stop(); });
      audio.addEventListener("pause", () => { if (playing === mine) stop(); }); // the end of a segment of a longer file
      audio.addEventListener("error", failed);
      audio.play().catch((error) => { if (error.name !== "AbortError") failed(); });
    });
    return button;
  };

  const article = (one) => {
    const side = one.change < 0 ? "better" : one.change > 0 ? "worse" : "same";
    const badge = paired ? [make("span", `badge ${side}`, side)] : [];
    const facts = [one.speaker && `speaker ${one.speaker}`,
      ...one.values.map((value, at) => value && `${columns[at]} ${value}`), one.seconds !== null && `${one.seconds} s`];
    const head = make("header", "", ...badge,
      make("b", "", one.counts.join(paired ? " → " : " · ")),
      make("span", "soft", ` errors in ${one.size} ${unit}${one.size === 1 ? "" : "s"}`));
    if (one.sound) head.append(player(one));
    return make("article", "", head, aligned(one),
      make("footer", "soft", [one.id, ...facts.filter(Boolean)].join(" · ")));
  };

  let found = [];
  let shown = 0;
  const grow = () => {
    const next = found.slice(shown, shown + PAGE);
    list.append(...next.map(article));
    shown += next.length;
    more.hidden = shown >= found.length;
    more.textContent = `Show ${Math.min(PAGE, found.length - shown)} more`;
  };
  const update = () => {
    stop();
    const wanted = needle(search.value);
    found = utterances.filter((one) => kinds[show.value](one) && one.haystack.includes(wanted));
    found.sort((a, b) => orders[sort.value](a, b) || a.number - b.number);
    list.replaceChildren();
    shown = 0;
    grow();
    count.textContent = found.length ? `${found.length} of ${utterances.length} utterances` : "No utterance fits.";
  };

  let waiting = 0;
  search.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(update, 120); });
  for (const control of [sort, show]) control.addEventListener("change", update);
  more.addEventListener("click", grow);
  for (const button of document.querySelectorAll("button[data-find]"))
    button.addEventListener("click", () => {
      search.value = button.dataset.find;
      show.value = "all";
      update();
      document.getElementById("utterances").scrollIntoView();
    });
  addEventListener("beforeprint", () => { for (const box of document.querySelectorAll("details")) box.open = true; });
  update();
})();
