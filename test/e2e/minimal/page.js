// Tries what the policy must refuse, then shows what the station last told by itself.
const { document, fetch, Image, window } = globalThis;

const elsewhere = 'https://127.0.0.1:9/';
const attempts = {
  'code from text': () => new Function('return 1')(),
  fetch: () => fetch(elsewhere),
  image: () =>
    new Promise((loaded, refused) => {
      const image = new Image();
      image.onload = loaded;
      image.onerror = refused;
      image.src = `${elsewhere}a.png`;
    }),
};
for (const [name, attempt] of Object.entries(attempts)) {
  const line = document.createElement('li');
  document.querySelector('ul').append(line);
  Promise.resolve()
    .then(attempt)
    .then(
      () => (line.textContent = `${name}: done`),
      () => (line.textContent = `${name}: refused`),
    );
}

const status = document.querySelector('[role=status]');
status.textContent = 'listening';
window.station.listen((message) => {
  status.textContent = `${message.name} ${message.payload.slots}`;
});
