/// <reference types="svelte" />
/// <reference types="svelte/types/ambient" />
/// <reference types="vite/client" />
