/// <reference types="svelte" />
/// <reference types="svelte/types/ambient" />
