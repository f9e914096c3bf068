import { render } from 'preact';
import { App } from './app.js';
import './style/theme.css';
import './style/base.css';
import './style/layout.css';
import './style/table.css';
import './style/panels.css';
import './style/narrow.css';

const root = document.getElementById('app');
if (root) render(<App />, root);
